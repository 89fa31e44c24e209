"""What the first use of a new encoder would wait for, done when the encoder is written."""

from __future__ import annotations

from pathlib import Path

from textshot.cli.output import note


def make_ready(folder: str) -> None:
    """Make the compiled twin of an encoder that was just written, and say so on stderr.

    Without one the reason is said: in the log where torch takes over, and here where it does not.
    Where torch is what would be taken anyway, nothing is made and nothing said.
    """
    from textshot.encoders import load_encoder
    from textshot.encoders.compiled.backends import AUTO, TORCH, choose
    from textshot.encoders.compiled.encoder import CompiledEncoder

    try:
        if choose(AUTO, AUTO, None)[0] == TORCH:
            return
        # By its full path: the name alone might be that of another encoder.
        found = load_encoder(str(Path(folder).resolve()))
    except Exception as error:
        # Of any kind: the encoder is written, after hours perhaps, and the command has done well.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        note(f"{folder}: no compiled twin, so take --backend torch: {reason}")
        return
    if isinstance(found, CompiledEncoder):
        note(f"{folder}: ready for {found.kind.replace('-', ' ')}")
