"""Greetings, manners, roles, and talk about the house."""

from __future__ import annotations

from random import Random

from ..words import (
    COLORS,
    DANGEROUS,
    DAYS,
    DEVICES,
    DRINKS,
    FOODS,
    HEAVY,
    ITEMS,
    NUMBERS,
    OPENABLES,
    PEOPLE,
    PLACES,
    SURFACES,
    article,
)  # fmt: skip
from .registry import Episode, Turn, skill

SMALL_TALK: tuple[tuple[tuple[str, ...], str], ...] = (
    (("Hello!", "Hi!", "Hello", "Hi", "Hi there!", "Hey!"), "Hello! How can I help you?"),
    (("Good morning!", "Good morning"), "Good morning! How can I help you?"),
    (("Good evening!", "Good evening"), "Good evening! How can I help you?"),
    (("Good night!", "Good night"), "Good night! Sleep well."),
    (("How are you?", "How is it going?"), "I am fine, thank you."),
    (("Thank you!", "Thanks!", "Thanks a lot!", "Thank you"), "You are welcome."),
    (("Goodbye!", "Bye!", "See you!", "Bye"), "Goodbye! See you soon."),
    (("Who are you?", "What are you?"), "I am Sprout, a very small language model."),
    (("What is your name?", "Your name?"), "My name is Sprout."),
    (
        ("What can you do?", "Help", "What can I ask you?"),
        "I can copy, count, sort, add small numbers and answer questions about what you tell me.",
    ),
    (("Sorry!", "I am sorry."), "No problem."),
    (("Yes.", "Okay.", "Fine."), "Good."),
)

#: thing -> (question about it, answer)
HOME_FACTS: tuple[tuple[str, str], ...] = (
    ("Where do you keep milk?", "In the fridge."),
    ("Where do you cook?", "In the kitchen."),
    ("Where do you sleep?", "In the bedroom."),
    ("Where do you wash your hands?", "In the bathroom."),
    ("Where does the car stand?", "In the garage."),
    ("Where do flowers grow?", "In the garden."),
    ("What do you cut bread with?", "With a knife."),
    ("What do you eat soup with?", "With a spoon."),
    ("What do you dry your hands with?", "With a towel."),
    ("What do you write with?", "With a pen."),
    ("What do you drink from?", "From a cup or a glass."),
    ("What keeps you dry in the rain?", "An umbrella."),
    ("What makes a room warm?", "A heater."),
    ("What makes a room light?", "A lamp."),
    ("What boils water?", "A kettle."),
    ("What color is grass?", "Green."),
    ("What color is snow?", "White."),
    ("What color is a lemon?", "Yellow."),
    ("What color is the sky?", "Blue."),
    ("What color is coal?", "Black."),
    ("How many legs has a dog?", "Four."),
    ("How many days has a week?", "Seven."),
    ("How many months has a year?", "Twelve."),
)


@skill(recall=True)
def small_talk(rng: Random) -> Turn:
    asks, answer = rng.choice(SMALL_TALK)
    return rng.choice(asks), answer


@skill(recall=True)
def home_facts(rng: Random) -> Turn:
    return rng.choice(HOME_FACTS)


@skill(recall=True)
def safe_or_not(rng: Random) -> Turn:
    """Which things are sharp, heavy or easy to carry."""
    kind = rng.choice(("dangerous", "heavy", "neither"))
    words = {"dangerous": DANGEROUS, "heavy": HEAVY, "neither": ITEMS}[kind]
    thing = rng.choice(tuple(words))
    answer = {
        "dangerous": f"Be careful, {article(thing)} is dangerous.",
        "heavy": f"No, {article(thing)} is too heavy.",
        "neither": f"Yes, {article(thing)} is easy to carry.",
    }[kind]
    return f"Can a child carry {article(thing)}?", answer


@skill()
def role_name(rng: Random) -> Episode:
    name, place = rng.choice(PEOPLE), rng.choice(PLACES)
    system = rng.choice(["You are {}, a helper in the {}.", "Your name is {}. You work in the {}."])
    ask, answer = rng.choice(
        [
            ("What is your name?", f"My name is {name}."),
            ("Who are you?", f"I am {name}."),
            ("Where do you work?", f"I work in the {place}."),
        ]
    )
    return Episode(((ask, answer),), system.format(name, place))


@skill()
def call_the_user(rng: Random) -> Episode:
    """The system message asks for a form of address at the end."""
    title = rng.choice(("sir", "madam", "captain", "friend", "boss", *PEOPLE))
    asks, answer = rng.choice(SMALL_TALK[:7])
    return Episode(
        ((rng.choice(asks), f"{answer.rstrip('.')}, {title}."),), f"End every answer with {title}."
    )


@skill(1.5)
def household_request(rng: Random) -> Turn:
    """A plain-language promise that repeats what was asked."""
    thing, color, place = rng.choice(tuple(ITEMS)), rng.choice(COLORS), rng.choice(PLACES)
    device, person = rng.choice(DEVICES), rng.choice(PEOPLE)
    surface, opening = rng.choice(SURFACES), rng.choice(OPENABLES)
    state = rng.choice(("on", "off"))
    verb = rng.choice(("open", "close"))
    number, many = rng.randint(2, 12), ITEMS[thing]
    task, done = rng.choice(
        [
            (f"bring me the {color} {thing}", f"I will bring you the {color} {thing}"),
            (f"bring the {thing} to {person}", f"I will bring the {thing} to {person}"),
            (f"put the {color} {thing} in the {place}", f"I will put the {color} {thing} there"),
            (f"clean the {surface} in the {place}", f"I will clean the {surface}"),
            (f"turn {state} the {device}", f"The {device} is {state}"),
            (f"switch the {device} {state}", f"The {device} is {state}"),
            (f"{verb} the {opening} in the {place}", f"I will {verb} the {opening}"),
            (f"go to the {place}", f"I am going to the {place}"),
            (f"wait {NUMBERS[number]} minutes", f"I will wait {number} minutes"),
            (f"get {NUMBERS[number]} {many}", f"I will get {number} {many}"),
            (f"find my {thing}", f"I will look for your {thing}"),
            (f"tell {person} to come", f"I will tell {person}"),
        ]
    )
    ask = rng.choice(["Please {}.", "Can you {}?", "Could you {}, please?", "I want you to {}."])
    return ask.format(task), f"Okay. {done}."


@skill()
def make_polite(rng: Random) -> Turn:
    thing, place = rng.choice((*ITEMS, *OPENABLES)), rng.choice(PLACES)
    task = rng.choice(
        [f"take the {thing}", f"look at the {thing}", f"go to the {place}", f"show me the {thing}"]
    )
    if rng.random() < 0.5:
        return f"Say politely: {task}", f"Please {task}."
    return f"Make it a question: {task}", f"Can you {task}?"


@skill()
def plan_day(rng: Random) -> Turn:
    days = rng.sample(DAYS, 2)
    things = rng.sample((*FOODS, *DRINKS), 2)
    index = rng.randrange(2)
    text = f"On {days[0]} we have {things[0]}. On {days[1]} we have {things[1]}."
    if rng.random() < 0.5:
        return f"{text} What do we have on {days[index]}?", f"On {days[index]} {things[index]}."
    return f"{text} When do we have {things[index]}?", f"On {days[index]}."


@skill()
def pass_on_message(rng: Random) -> Episode:
    person, thing, place = rng.choice(PEOPLE), rng.choice((*ITEMS, *FOODS)), rng.choice(PLACES)
    message = rng.choice(
        [f"the {thing} is ready", f"I am in the {place}", f"we go to the {place}", "lunch is ready"]
    )
    return Episode(
        (
            (f"I have a message for {person}: {message}.", "Okay."),
            (f"What is the message for {person}?", f"{message[0].upper()}{message[1:]}."),
        )
    )
