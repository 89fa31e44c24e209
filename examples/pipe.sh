#!/bin/sh
# What people write about, the most frequent first: sh examples/pipe.sh < mails.txt
# A text a line comes in; answers go out as JSON, a line each, and words to stderr.
set -eu
textshot classify "${INDEX:-indexes/support}" --json |
  sed -n 's/.*, "label": "\([^"]*\)".*/\1/p; s/.*, "label": null.*/unknown/p' |
  sort | uniq -c | sort -rn
