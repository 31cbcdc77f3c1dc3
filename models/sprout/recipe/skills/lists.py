"""Copying, repeating, choosing, ordering and editing short lists of words."""

from __future__ import annotations

from random import Random

from ..words import (
    ANIMALS,
    COLORS,
    COMMON_WORDS,
    DRINKS,
    FOODS,
    FURNITURE,
    ITEMS,
    NOUNS,
    NUMBERS,
    OPPOSITES,
    ORDINALS,
    PEOPLE,
    PLACES,
    article,
    comma_list,
)  # fmt: skip
from .registry import Turn, skill

ANY_WORD = tuple(
    dict.fromkeys(
        [
            *(*NOUNS, *NOUNS.values(), *COLORS, *PLACES, *PEOPLE, *FURNITURE, *FOODS, *DRINKS),
            *COMMON_WORDS,
        ]
    )
)
CATEGORIES: dict[str, tuple[str, ...]] = {
    "animal": tuple(ANIMALS),
    "color": COLORS,
    "food": FOODS,
    "drink": DRINKS,
    "place": PLACES,
    "name": PEOPLE,
    "number": NUMBERS,
    "thing": tuple(ITEMS),
}


def some_words(rng: Random, low: int = 2, high: int = 5) -> list[str]:
    return rng.sample(ANY_WORD, rng.randint(low, high))


@skill(4.0)
def repeat_words(rng: Random) -> Turn:
    """Word for word, sometimes long: what copying is learnt from."""
    words = some_words(rng, 1, 12 if rng.random() < 0.4 else 5)
    text = (" " if rng.random() < 0.7 else ", ").join(words)
    if rng.random() < 0.25:
        ask = rng.choice(["Say twice: {}", "Repeat two times: {}"])
        return ask.format(text), f"{text}\n{text}"
    ask = rng.choice(
        ["Say: {}", "Repeat: {}", "Repeat after me: {}", 'Say "{}".', "Copy this: {}", 'Copy "{}".']
    )
    return ask.format(text), text


@skill(2.5)
def quote_words(rng: Random) -> Turn:
    words = some_words(rng, 1, 4)
    text = ",".join(f'"{word}"' for word in words)
    ask = rng.choice(["Put quotes around: {}", "Quote each word: {}", "Write in quotes: {}"])
    return ask.format(", ".join(words)), text if len(words) == 1 else f"[{text}]"


@skill()
def make_bullets(rng: Random) -> Turn:
    words = some_words(rng)
    ask = rng.choice(["Make a list: {}.", "Write as a list: {}.", "Make a list of {}."])
    return ask.format(comma_list(words)), "\n".join(f"- {word}" for word in words)


@skill()
def pick_position(rng: Random) -> Turn:
    words = some_words(rng, 2, 5)
    index = rng.randrange(len(words))
    last = index == len(words) - 1 and rng.random() < 0.6
    which = "last" if last else ORDINALS[index]
    ask = rng.choice(["Which word is {}: {}?", "Name the {} word: {}.", "The {} word of: {}."])
    return ask.format(which, ", ".join(words)), words[index]


@skill()
def reverse_words(rng: Random) -> Turn:
    words = some_words(rng, 2, 4)
    ask = rng.choice(["Reverse: {}.", "Turn the list around: {}.", "Say backwards: {}."])
    return ask.format(", ".join(words)), ", ".join(reversed(words))


@skill()
def sort_words(rng: Random) -> Turn:
    letters: dict[str, str] = {}
    for word in rng.sample(tuple(ITEMS), 8):
        letters.setdefault(word[0], word)
    words = list(letters.values())[: rng.randint(2, 4)]
    ask = rng.choice(["Sort by letter: {}.", "Put in ABC order: {}."])
    return ask.format(", ".join(words)), ", ".join(sorted(words))


@skill(1.5)
def replace_word(rng: Random) -> Turn:
    words = some_words(rng, 2, 5)
    old = rng.choice(words)
    new = rng.choice([word for word in ANY_WORD if word not in words])
    ask = rng.choice(["Change {} to {}: {}", "Say {1} instead of {0}: {2}"])
    return (
        ask.format(old, new, " ".join(words)),
        " ".join(new if word == old else word for word in words),
    )


@skill()
def leave_out(rng: Random) -> Turn:
    words = some_words(rng, 3, 5)
    out = rng.choice(words)
    ask = rng.choice(["Leave out {}: {}.", "Say all but {}: {}.", "Without {}: {}."])
    return ask.format(out, ", ".join(words)), ", ".join(word for word in words if word != out)


@skill(1.5)
def find_category(rng: Random) -> Turn:
    kind = rng.choice(tuple(CATEGORIES))
    others = rng.sample([name for name in CATEGORIES if name != kind], rng.randint(2, 3))
    answer = rng.choice(CATEGORIES[kind])
    words = [rng.choice(CATEGORIES[name]) for name in others] + [answer]
    rng.shuffle(words)
    ask = rng.choice(["Find the {}: {}.", "Which one is {}: {}?"])
    return ask.format(kind if "Find" in ask else article(kind), ", ".join(words)), answer


@skill(1.5)
def singular_plural(rng: Random) -> Turn:
    one, many = rng.choice(tuple(NOUNS.items()))
    if rng.random() < 0.5:
        number = rng.choice(NUMBERS[2:])
        return rng.choice([f"One {one}, {number} what?", f"What is the plural of {one}?"]), many
    return rng.choice([f"Many {many}, one what?", f"What is one of the {many}?"]), one


@skill(recall=True)
def opposite(rng: Random) -> Turn:
    pair = list(rng.choice(OPPOSITES))
    rng.shuffle(pair)
    ask = rng.choice(["What is the opposite of {}?", "Opposite of {}?", "Not {}, but what?"])
    return ask.format(pair[0]), pair[1]


@skill(recall=True)
def what_is_it(rng: Random) -> Turn:
    kind = rng.choice([name for name in CATEGORIES if name != "thing"])
    word = rng.choice(CATEGORIES[kind])
    ask = rng.choice(["What is {}?", "What kind of word is {}?"])
    return ask.format(word), article(kind)


@skill()
def join_with(rng: Random) -> Turn:
    words = some_words(rng, 2, 4)
    name, mark = rng.choice([("a colon", ":"), ("a comma", ","), ("a dash", "-"), ("a slash", "/")])
    return f"Join with {name}: {' '.join(words)}", mark.join(words)
