"""Everyday sentences about nothing in particular, written for this project.

With fewer than a handful of categories the categories themselves cannot say how near an unrelated
text comes; these can. `decision.py` says how they are used.
"""

GENERAL_TEXTS = tuple(
    """
Lovely weather today, isn't it?
We are going hiking in the mountains next weekend.
My grandmother bakes the best apple cake in the village.
The train to the coast was full of football fans.
Can you recommend a good book about the Roman empire?
The council will vote on the new bicycle lanes on Tuesday.
She has been learning the violin since she was six.
Interest rates were left unchanged by the central bank.
How do I get red wine out of a white tablecloth?
The match ended in a draw after extra time.
Please remember to water the plants while we are away.
The museum is closed on Mondays and public holidays.
Scientists found traces of water on a distant moon.
Our cat sleeps all day and runs around all night.
What time does the pharmacy on the corner open?
He painted the kitchen yellow and regretted it at once.
The recipe needs two eggs, a cup of flour and some milk.
I cannot find my glasses anywhere.
The film was far too long, but the music was wonderful.
There is a strike at the airport tomorrow morning.
Could you send me the slides of yesterday's lecture?
The children built a snowman in the garden.
A new bakery has opened next to the town hall.
I have had a headache since this morning.
The teacher explained how volcanoes are formed.
Turn left after the bridge and go straight on.
Happy birthday, and all the best for the new year!
The price of coffee has doubled within a year.
Her flight lands at half past nine in the evening.
We adopted a dog from the shelter last month.
The novel tells the story of three sisters in a small port.
Is there a doctor on call at night?
The orchestra will play Beethoven's seventh on Friday.
My neighbour mows the lawn at seven on Sundays.
Photosynthesis turns light into chemical energy.
The marathon runners passed our house at noon.
Do you want to play chess after dinner?
The river rose by two metres after the storm.
He forgot his umbrella on the bus again.
The printer in the office makes a strange noise.
How tall is the highest building in the world?
They got married on a beach in Portugal.
Elections will be held in the autumn.
I dreamt that I could speak with birds.
This jacket is too warm for the spring.
The dentist says I should floss more often.
A small fishing boat was lost in the fog.
Which bus goes to the university?
Grandpa tells the same joke every Christmas.
The lake is frozen and the children are skating.
Parliament debated the budget until midnight.
You should try the noodles at the night market.
The carpenter repaired the old staircase.
Let's meet in front of the library at three.
The battery of my phone lasts hardly half a day.
Penguins can stay under water for twenty minutes.
He has been promoted to head of the department.
Nobody knows who wrote this poem.
The garden is full of tulips in April.
Remind me to call my brother tonight.
The exam was easier than everybody expected.
A comet will be visible in the northern sky.
I am learning Spanish with an app.
The bridge will be closed for repairs until June.
She won a silver medal in the long jump.
How long do I have to boil an egg?
The shop around the corner sells used records.
A fox has been seen near the playground.
The heating in our flat does not work properly.
What is the capital of Mongolia?
He collects stamps from all over the world.
The play was sold out within an hour.
My knee hurts when I climb the stairs.
Farmers are worried about the dry summer.
We saw dolphins from the ferry.
The committee has published its annual report.
Put the cake in the oven for forty minutes.
They moved to the countryside to keep bees.
The wind blew the roof off the old barn.
Can you help me carry this sofa upstairs?
The history of this castle goes back to the twelfth century.
I spilled tea all over my keyboard.
The choir rehearses every Wednesday evening.
Stock markets fell sharply in early trading.
There are no more seats in the front row.
He writes a letter to his daughter every week.
The vaccine has to be kept in a refrigerator.
A good night's sleep is the best medicine.
The mechanic said the brakes have to be replaced.
Why is the sky blue?
We are looking for volunteers for the summer festival.
The new season of the series starts in October.
Her handwriting is impossible to read.
The soup needs a little more salt.
Archaeologists discovered a tomb beneath the car park.
I would like to learn how to surf.
The parrot repeats everything that we say.
Traffic is terrible around the stadium tonight.
The gallery shows photographs from the seventies.
Everyone applauded when the lights came on.
""".strip().splitlines()
)
