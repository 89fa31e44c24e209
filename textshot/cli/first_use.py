"""Compile a new encoder when it is written, so that its first use need not wait."""

from __future__ import annotations

from pathlib import Path

from textshot.cli.output import note


def compile_new(folder: str) -> None:
    """Compile an encoder that was just written, and print the result on stderr.

    Where torch is the default backend nothing happens. Trouble is a message and no error: the
    encoder is written, after hours perhaps, and the command has succeeded.
    """
    from textshot.encoders import load_encoder
    from textshot.encoders.compiled.backends import AUTO, TORCH, choose

    try:
        if choose(AUTO, AUTO, None)[0] == TORCH:
            return
        # By its full path: the name alone might be that of another encoder.
        encoder = load_encoder(str(Path(folder).resolve()))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        note(f"{folder} cannot be compiled, so use --backend torch: {reason}")
        return
    if encoder.backend != TORCH:
        note(f"{folder}: ready for {encoder.backend} {encoder.precision}")
