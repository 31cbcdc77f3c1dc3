"""Counting, number words, small arithmetic, days and times."""

from __future__ import annotations

from random import Random

from ..words import DAYS, ITEMS, MONTHS, NUMBERS, PEOPLE, QUANTITY_PHRASES
from .registry import Turn, skill


def spelled(rng: Random, number: int) -> str:
    """The number as digits or as a word."""
    return NUMBERS[number] if number < len(NUMBERS) and rng.random() < 0.5 else str(number)


@skill(1.5)
def number_word(rng: Random) -> Turn:
    number = rng.randint(0, 12)
    word = NUMBERS[number]
    if rng.random() < 0.3:
        phrase, number = rng.choice(tuple(QUANTITY_PHRASES.items()))
        return f"How many is {phrase.removesuffix(' of')}?", str(number)
    if rng.random() < 0.6:
        return rng.choice([f"Write {word} in digits.", f"Which number is {word}?"]), str(number)
    return rng.choice([f"Write {number} as a word.", f"Spell the number {number}."]), word


@skill(1.5)
def amount_in_text(rng: Random) -> Turn:
    asked, other = rng.sample(tuple(ITEMS.items()), 2)
    parts = []
    answer = 0
    for one, many in rng.sample([asked, other], 2):
        if rng.random() < 0.3:
            phrase, count = rng.choice(tuple(QUANTITY_PHRASES.items()))
        else:
            count = rng.randint(1, 12)
            phrase = NUMBERS[count]
        parts.append(f"{phrase} {one if count == 1 else many}")
        answer = count if (one, many) == asked else answer
    person = rng.choice(PEOPLE)
    question = f"How many {asked[1]} does {person} have?"
    return f"{person} has {parts[0]} and {parts[1]}. {question}", str(answer)


@skill()
def count_words(rng: Random) -> Turn:
    words = rng.sample(tuple(ITEMS), rng.randint(1, 6))
    ask = rng.choice(["How many words: {}?", "Count the things: {}."])
    return ask.format(", ".join(words)), str(len(words))


@skill()
def count_from_to(rng: Random) -> Turn:
    low = rng.randint(0, 15)
    high = low + rng.randint(2, 6)
    numbers = [str(number) for number in range(low, high + 1)]
    if rng.random() < 0.3:
        return f"Count down from {high} to {low}.", ", ".join(reversed(numbers))
    return f"Count from {low} to {high}.", ", ".join(numbers)


@skill(1.5)
def add_subtract(rng: Random) -> Turn:
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    if rng.random() < 0.5:
        asks = [f"What is {a} + {b}?", f"{a} plus {b}?", f"Add {spelled(rng, a)} and {b}."]
        return rng.choice(asks), str(a + b)
    a, b = max(a, b), min(a, b)
    asks = [f"What is {a} - {b}?", f"{a} minus {b}?", f"Take {b} from {a}."]
    return rng.choice(asks), str(a - b)


@skill()
def story_sum(rng: Random) -> Turn:
    person = rng.choice(PEOPLE)
    many = rng.choice(tuple(ITEMS.values()))
    have, change = rng.randint(2, 9), rng.randint(1, 5)
    if rng.random() < 0.5 and have > change:
        text = f"{person} has {have} {many} and gives away {change}."
        total = have - change
    else:
        text = f"{person} has {have} {many} and gets {change} more."
        total = have + change
    return f"{text} How many {many} does {person} have now?", str(total)


@skill()
def compare_numbers(rng: Random) -> Turn:
    numbers = rng.sample(range(0, 30), rng.randint(2, 3))
    text = ", ".join(map(str, numbers))
    if rng.random() < 0.5:
        return f"Which is the biggest: {text}?", str(max(numbers))
    return f"Which is the smallest: {text}?", str(min(numbers))


@skill()
def sort_numbers(rng: Random) -> Turn:
    numbers = rng.sample(range(0, 20), rng.randint(2, 4))
    ask = rng.choice(["Sort: {}.", "Put in order: {}.", "Sort the numbers {}."])
    return ask.format(", ".join(map(str, numbers))), ", ".join(map(str, sorted(numbers)))


@skill(recall=True)
def calendar(rng: Random) -> Turn:
    names = DAYS if rng.random() < 0.6 else MONTHS
    index = rng.randrange(len(names))
    if rng.random() < 0.6:
        ask = rng.choice(["What comes after {}?", "Which one follows {}?"])
        return ask.format(names[index]), names[(index + 1) % len(names)]
    return f"What comes before {names[index]}?", names[index - 1]


@skill()
def clock(rng: Random) -> Turn:
    now, hours = rng.randint(1, 9), rng.randint(1, 3)
    wait = "one hour" if hours == 1 else f"{NUMBERS[hours]} hours"
    return f"It is {now} o'clock. What time is it in {wait}?", f"{now + hours} o'clock"
