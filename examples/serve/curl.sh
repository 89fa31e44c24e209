#!/usr/bin/env bash
# Call the service with curl. First run in another terminal:
#     textshot serve my-index --writable
set -euo pipefail
url=${1:-http://127.0.0.1:8000}
examples=$(dirname "$0")/..

echo "# classify"
curl -sS --fail-with-body "$url/v1/classify" -H "Content-Type: application/json" \
  -d '{"texts": ["the money was taken twice", "lovely weather today"], "k": 1}'

echo; echo "# list categories"
curl -sS --fail-with-body "$url/v1/categories?limit=2"

echo; echo "# add a category; its name is part of the path, so a slash is %2F"
curl -sS --fail-with-body -X PUT "$url/v1/categories/press%2Fmedia" -H "Content-Type: application/json" \
  -d '{"examples": ["I am a journalist and would like to talk to your founder"]}'

echo; echo "# correct an answer"
curl -sS --fail-with-body "$url/v1/corrections" -H "Content-Type: application/json" \
  -d '{"corrections": [{"text": "an interview for our newspaper?", "label": "press/media"}]}'

echo; echo "# categorise a file, and ask for its progress"
curl -sS --fail-with-body "$url/v1/files?name=inbox.csv" -H "Content-Type: text/csv" -H "X-Request-ID: my-file" \
  --data-binary "@$examples/support/inbox.csv" | sed -n 1,3p
curl -sS --fail-with-body "$url/v1/files/my-file"

echo; echo "# remove the category"
curl -sS --fail-with-body -X DELETE "$url/v1/categories/press%2Fmedia"
echo
