"""Questions that are answered from facts given in the conversation."""

from __future__ import annotations

from random import Random

from ..words import (
    COLORS,
    DEVICES,
    DRINKS,
    FOODS,
    INDOORS,
    ITEMS,
    JOBS,
    NUMBERS,
    OPENABLES,
    PEOPLE,
    PLACES,
    TOWNS,
    article,
)  # fmt: skip
from .registry import Episode, Turn, skill

THINGS = (*ITEMS, *DEVICES)


def the(place: str) -> str:
    return f"the {place}"


@skill(2.0)
def where_is_person(rng: Random) -> Turn:
    """The last place counts when somebody moves."""
    people = rng.sample(PEOPLE, rng.randint(2, 3))
    where: dict[str, str] = {}
    lines = []
    for person in [*people, *rng.sample(people, rng.randint(0, 1))]:
        place = rng.choice(PLACES)
        verb = "is in" if person not in where else "goes to"
        where[person] = place
        lines.append(f"{person} {verb} the {place}.")
    asked = rng.choice(people)
    return f"{' '.join(lines)} Where is {asked}?", f"In the {where[asked]}."


@skill(2.0)
def where_is_thing(rng: Random) -> Turn:
    things = rng.sample(THINGS, rng.randint(2, 3))
    places = rng.sample(PLACES, len(things))
    lines = [f"The {thing} is in the {place}." for thing, place in zip(things, places, strict=True)]
    index = rng.randrange(len(things))
    if rng.random() < 0.4:
        question, answer = f"What is in the {places[index]}?", f"The {things[index]}."
    else:
        question, answer = f"Where is the {things[index]}?", f"In the {places[index]}."
    return f"{' '.join(lines)} {question}", answer


@skill(1.5)
def thing_of_person(rng: Random) -> Turn:
    """Two steps: whose thing, then where that person is."""
    people = rng.sample(PEOPLE, 2)
    things = rng.sample(tuple(ITEMS), 2)
    places = rng.sample(PLACES, 2)
    lines = [f"{person} has the {thing}." for person, thing in zip(people, things, strict=True)] + [
        f"{person} is in the {place}." for person, place in zip(people, places, strict=True)
    ]
    rng.shuffle(lines)
    index = rng.randrange(2)
    if rng.random() < 0.5:
        return f"{' '.join(lines)} Who has the {things[index]}?", f"{people[index]}."
    return f"{' '.join(lines)} Where is the {things[index]}?", f"In the {places[index]}."


@skill(2.0)
def color_of_thing(rng: Random) -> Turn:
    things = rng.sample(THINGS, rng.randint(2, 3))
    colors = rng.sample(COLORS, len(things))
    lines = [f"The {thing} is {color}." for thing, color in zip(things, colors, strict=True)]
    index = rng.randrange(len(things))
    roll = rng.random()
    if roll < 0.5:
        return f"{' '.join(lines)} What color is the {things[index]}?", colors[index]
    if roll < 0.75:
        return f"{' '.join(lines)} What is {colors[index]}?", f"The {things[index]}."
    color = rng.choice(colors)
    answer = "Yes." if color == colors[index] else f"No, it is {colors[index]}."
    return f"{' '.join(lines)} Is the {things[index]} {color}?", answer


@skill(2.0)
def corrected_fact(rng: Random) -> Turn:
    """A later correction replaces what was said first."""
    thing = rng.choice(THINGS)
    pool, question, verb = rng.choice(
        [
            (COLORS, f"What color is the {thing}?", "is"),
            (tuple(the(place) for place in PLACES), f"Where is the {thing}?", "is in"),
            (PEOPLE, f"Who has the {thing}?", "is with"),
        ]
    )
    wrong, right = rng.sample(pool, 2)
    fix = rng.choice(
        ["No, sorry, {}.", "No, wait, {}.", "I mean {}.", "Not {1}, {0}.", "Actually {}."]
    ).format(right, wrong)
    return f"The {thing} {verb} {wrong}. {fix} {question}", right


@skill(1.5)
def correction_turn(rng: Random) -> Episode:
    """The same over two turns."""
    thing, place, color = rng.choice(THINGS), rng.choice(PLACES), rng.choice(COLORS)
    first = f"The {color} {thing} is in the {place}."
    if rng.random() < 0.5:
        other = rng.choice([name for name in COLORS if name != color])
        fix = rng.choice(["No, the {} one.", "Sorry, I mean the {} one.", "Not {1}, {0}."])
        after = f"The {other} {thing} is in the {place}."
        turns = ((f"Say: {first}", first), (fix.format(other, color), after))
    else:
        other = rng.choice([name for name in PLACES if name != place])
        fix = rng.choice(["No, in the {}.", "Sorry, I mean the {}.", "Not the {1}, the {0}."])
        after = f"The {color} {thing} is in the {other}."
        turns = ((f"Say: {first}", first), (fix.format(other, place), after))
    return Episode(turns)


@skill(1.5)
def not_but(rng: Random) -> Turn:
    """Negation: the answer is the one that is not ruled out."""
    person, thing = rng.choice(PEOPLE), rng.choice(THINGS)
    a, b = rng.sample(COLORS, 2)
    text = rng.choice(
        [
            f"{person} wants the {thing} that is not {a}. There is {article(a)} one and"
            f" {article(b)} one.",
            f"{person} does not want the {a} {thing}, but the {b} one.",
            f"{person} wants the {b} {thing}, not the {a} one.",
        ]
    )
    return f"{text} Which {thing} does {person} want?", f"The {b} {thing}."


@skill(1.5)
def if_then(rng: Random) -> Turn:
    device = rng.choice((*DEVICES, *OPENABLES))
    states = rng.sample(COLORS, 2)
    words = rng.sample(tuple(ITEMS), 2)
    now = rng.randrange(2)
    return (
        f"If the {device} is {states[0]}, say {words[0]}. If it is {states[1]}, say {words[1]}."
        f" The {device} is {states[now]}.",
        words[now],
    )


@skill(1.5)
def remember_user(rng: Random) -> Episode:
    """Facts about the user, asked for some turns later."""
    facts = {
        "name": ("My name is {}.", "What is my name?", "Your name is {}.", PEOPLE),
        "town": ("I live in {}.", "Where do I live?", "You live in {}.", TOWNS),
        "drink": ("I like {}.", "What do I like?", "You like {}.", (*DRINKS, *FOODS)),
        "job": ("I am a {}.", "What is my job?", "You are a {}.", JOBS),
        "thing": ("I have a {} {}.", "What do I have?", "You have a {} {}.", None),
    }
    turns: list[tuple[str, str]] = []
    told = []
    for kind in rng.sample(tuple(facts), rng.randint(1, 3)):
        say, ask, answer, pool = facts[kind]
        value = (rng.choice(COLORS), rng.choice(tuple(ITEMS))) if pool is None else None
        value = value or (rng.choice(pool),)
        turns.append((say.format(*value), rng.choice(["Okay.", "Good to know.", "I see."])))
        told.append((ask, answer.format(*value)))
    turns.append(rng.choice(told))
    return Episode(tuple(turns))


@skill(1.5)
def system_facts(rng: Random) -> Episode:
    """The system message holds what the user asks about."""
    things = rng.sample(THINGS, rng.randint(1, 3))
    places = rng.sample(INDOORS, len(things))
    lines = [f"The {thing} is in the {place}." for thing, place in zip(things, places, strict=True)]
    index = rng.randrange(len(things))
    return Episode(
        ((f"Where is the {things[index]}?", f"In the {places[index]}."),), " ".join(lines)
    )


@skill(1.5)
def allowed_or_not(rng: Random) -> Episode:
    """The system message rules something out."""
    kind = rng.choice(("place", "thing"))
    pool = INDOORS if kind == "place" else tuple(ITEMS)
    ruled_out, other = rng.sample(pool, 2)
    asked = rng.choice((ruled_out, other))
    if kind == "place":
        rule = rng.choice(["Nobody may go to the {}.", "The {} is closed."]).format(ruled_out)
        question = f"May I go to the {asked}?"
    else:
        rule = rng.choice(["Nobody may touch the {}.", "The {} is not for guests."])
        rule = rule.format(ruled_out)
        question = f"May I take the {asked}?"
    answer = f"No, not the {asked}." if asked == ruled_out else f"Yes, the {asked} is fine."
    return Episode(((question, answer),), rule)


@skill()
def who_is_older(rng: Random) -> Turn:
    people = rng.sample(PEOPLE, 2)
    ages = rng.sample(range(3, 13), 2)
    lines = [f"{person} is {NUMBERS[age]}." for person, age in zip(people, ages, strict=True)]
    oldest = people[0] if ages[0] > ages[1] else people[1]
    if rng.random() < 0.5:
        index = rng.randrange(2)
        return f"{' '.join(lines)} How old is {people[index]}?", f"{ages[index]}"
    return f"{' '.join(lines)} Who is older?", f"{oldest}."
