#!/bin/sh
# Count the topics of texts, most frequent first: sh examples/pipe.sh < mails.txt
# textshot reads one text per line and writes one line of JSON per text; messages go to stderr.
set -eu
textshot classify "${INDEX:-indexes/support}" --json |
  sed -n 's/.*, "label": "\([^"]*\)".*/\1/p; s/.*, "label": null.*/unknown/p' |
  sort | uniq -c | sort -rn
