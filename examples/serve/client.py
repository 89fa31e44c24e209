"""Call the service from Python. First run `textshot serve my-index` in another terminal."""

import sys

from textshot.client import Client

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"

with Client(url) as client:
    texts = ["the money was taken twice", "lovely weather today"]
    for text, prediction in zip(texts, client.classify(texts), strict=True):
        print(f"{prediction.label or 'unknown'}  {prediction.score:.3f}  {text}")
