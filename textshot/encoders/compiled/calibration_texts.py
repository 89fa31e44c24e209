"""Texts on which the ranges of 8 bits are measured: of every kind that people sort.

Written for this project, and none of them is of a benchmark. What counts is not what they say but
that tokens of all sorts are there: short and long, polite and angry, tidy and torn.
"""

from __future__ import annotations

from textshot.encoders.general_texts import GENERAL_TEXTS

_MORE = """
thanks!
thank you so much, that was really helpful
awesome, great job
nice
ok
yes please
no, never mind
hello, anybody there?
hi, how are you today?
what are you?
who made you
tell me a joke
i appreciate it
that's true
that seems wrong to me
false
correct, exactly as I said
explain it once more please
sorry, I did not mean that
?
...
^^^^^^^
!!!!!!
:-) :-( ;-)
-- ______________________________ --
=================================
*** READ THIS FIRST ***
>> and then he wrote: > no, I did not
1234567890
3.14159, -40, 1e-9, 50 %, 7/8
2026-11-25 08:15:00 ERROR connection refused (110)
x = f(y) + 3; return x;
def main(): print("hello world")
SELECT name, price FROM items WHERE price > 100 ORDER BY name;
https://example.org/a/b?c=d&e=f#g
someone@example.org wrote on 3 May
<p>a <b>bold</b> word</p>
{"id": 7, "name": "none", "tags": []}
C:\\files\\report (final) v2.docx
URGENT: reply by 5 pm TODAY
LOWER THE PRICE OR I CANCEL
wheres my stuff its been 3 weeks
cant login pls help asap
i was charged twice for the same thing
the app keeps crashing whenever I open the camera
how do i change the address on my account
my card was declined at the supermarket
set an alarm for seven in the morning
play some jazz in the kitchen
turn the lights off
what is the capital of Australia?
who wrote the first dictionary of English?
how many feet are there in a mile?
when did the Berlin wall fall?
what does NASA stand for?
why is the sky blue
how far away is the nearest star
remind me to call the dentist on Friday
book a table for two at eight
add milk, eggs and bread to my list
convert 20 pounds to euros
spell necessary
say good night in Japanese
is it going to snow in Denver this weekend
do I need a visa for Brazil?
Shares of the chip maker fell 4 percent after it cut its forecast for the quarter.
Oil prices rose on Monday as exporters agreed to keep output unchanged until spring.
The striker scored twice in the second half as the visitors came from behind to win 3-2.
Police said two people were injured when a lorry overturned on the ring road.
A court in The Hague will hear the case against the former minister next month.
Engineers released a new version of the browser that blocks trackers by default.
Astronomers have found a planet twice the size of Earth that circles a dim red star.
The vaccine was tested on 30,000 volunteers in six countries before it was approved.
Voters go to the polls on Sunday in an election that could end ten years of coalition rule.
A film that is too long by half, and still over too soon.
Dull, predictable and badly acted; I wanted my money back.
one of the warmest, funniest comedies of the year
The hotel was clean but the walls are thin and breakfast ends at nine.
Great sound for the price, although the left ear stopped working after a month.
I have a 386 with 4 MB of memory and the driver will not load. Any ideas?
Does anybody know where I can get parts for a 1972 motorcycle?
For sale: bicycle, hardly used, 200 or best offer.
The patient reports chest pain and shortness of breath since yesterday evening.
The tenant shall give notice of three months in writing.
Invoice 2024-118 for consulting in April, due within 30 days.
Please find attached the minutes of our meeting of 12 March.
Dear Sir or Madam, I am writing to complain about the delivery of my order.
The integral of x squared from zero to one is one third.
Let G be a finite group and H a subgroup of index two.
An enzyme binds its substrate and lowers the energy that the reaction needs.
naïve façade, coöperate, jalapeño
Wo ist der nächste Bahnhof?
¿Dónde está la biblioteca?
Je voudrais réserver une chambre pour deux nuits.
今日はいい天気ですね
Привет, как дела?
مرحبا بالعالم
🙂🎉🚀
the the the the the the the the
a
card
account number
unknown
delivery status
sports
space exploration
""".strip().splitlines()

_JOINED = tuple(
    " ".join(GENERAL_TEXTS[start : start + n])
    for n in (3, 8, 20)
    for start in range(0, len(GENERAL_TEXTS) - n, n)
)

CALIBRATION: tuple[str, ...] = ("", *GENERAL_TEXTS, *_MORE, *_JOINED)
"""Some 260 texts of none to 250 tokens."""
