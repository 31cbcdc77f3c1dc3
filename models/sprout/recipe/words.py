"""Word lists shared by the pretraining skills and the robot-intents data."""

from __future__ import annotations

#: Household things a person can carry: singular -> plural.
ITEMS: dict[str, str] = {
    "cup": "cups", "plate": "plates", "spoon": "spoons", "fork": "forks", "glass": "glasses",
    "bowl": "bowls", "bottle": "bottles", "book": "books", "towel": "towels",
    "pillow": "pillows", "blanket": "blankets", "box": "boxes", "bag": "bags", "ball": "balls",
    "toy": "toys", "shoe": "shoes", "sock": "socks", "hat": "hats", "shirt": "shirts",
    "jacket": "jackets", "key": "keys", "phone": "phones", "pen": "pens", "letter": "letters",
    "apple": "apples", "banana": "bananas", "lemon": "lemons", "egg": "eggs",
    "candle": "candles", "basket": "baskets", "brush": "brushes", "umbrella": "umbrellas",
}  # fmt: skip

DANGEROUS: dict[str, str] = {
    "knife": "knives", "razor": "razors", "lighter": "lighters", "axe": "axes", "saw": "saws",
    "needle": "needles",
}  # fmt: skip

HEAVY: dict[str, str] = {
    "sofa": "sofas", "fridge": "fridges", "piano": "pianos", "wardrobe": "wardrobes",
    "bathtub": "bathtubs", "stove": "stoves",
}  # fmt: skip

ANIMALS: dict[str, str] = {
    "cat": "cats", "dog": "dogs", "bird": "birds", "horse": "horses", "rabbit": "rabbits",
    "fish": "fish", "mouse": "mice", "hamster": "hamsters",
}  # fmt: skip

#: Every countable noun with its plural.
NOUNS: dict[str, str] = ITEMS | DANGEROUS | HEAVY | ANIMALS

COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "pink", "purple", "gray")
SIZES = ("small", "big", "tiny", "huge", "long", "short")

INDOORS = (
    "kitchen", "bedroom", "bathroom", "hall", "garage", "office", "living room", "attic",
    "cellar", "nursery", "pantry", "library",
)  # fmt: skip
OUTDOORS = ("garden", "street", "park", "yard", "forest", "beach")
PLACES = INDOORS + OUTDOORS

PEOPLE = (
    "Anna", "Tom", "Ben", "Eva", "Leo", "Mia", "Sam", "Nora", "Max", "Ida", "Paul", "Lily",
    "Omar", "Ruth", "Hugo", "Zoe",
)  # fmt: skip
TOWNS = ("Paris", "Rome", "Berlin", "Madrid", "Oslo", "London", "Vienna", "Cairo")

DEVICES = ("lamp", "fan", "heater", "radio", "printer", "speaker", "kettle", "screen")
OPENABLES = ("door", "window", "curtain", "drawer", "cupboard", "gate")
SURFACES = ("table", "floor", "sink", "shelf", "desk", "carpet", "mirror", "bench")
FURNITURE = DEVICES + OPENABLES + SURFACES

FOODS = ("bread", "soup", "rice", "cheese", "salad", "cake", "pasta", "pizza")
DRINKS = ("tea", "coffee", "milk", "water", "juice", "cocoa")
JOBS = ("teacher", "doctor", "baker", "farmer", "driver", "painter", "nurse", "cook")

NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
#: Other ways to name a quantity.
QUANTITY_PHRASES: dict[str, int] = {
    "a couple of": 2, "a pair of": 2, "half a dozen": 6, "a dozen": 12,
}  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth")

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip

OPPOSITES = (
    ("hot", "cold"), ("big", "small"), ("open", "closed"), ("on", "off"), ("day", "night"),
    ("happy", "sad"), ("fast", "slow"), ("old", "new"), ("up", "down"), ("left", "right"),
    ("full", "empty"), ("wet", "dry"), ("early", "late"), ("clean", "dirty"),
    ("light", "dark"), ("loud", "quiet"), ("yes", "no"), ("near", "far"), ("hard", "soft"),
    ("strong", "weak"),
)  # fmt: skip

#: Everyday words that the skills copy, count and move about, so that each has a trained
#: embedding although no skill gives it a meaning.
COMMON_WORDS = (
    "able", "action", "actually", "add", "again", "alarm", "alive", "all", "and", "answer", "away",
    "back", "bad", "because", "bed", "before", "best", "big", "body", "both", "bring", "bus", "but",
    "buy", "call", "car", "carry", "change", "check", "child", "choose", "city", "clean", "clear",
    "close", "cold", "color", "come", "command", "cook", "count", "dangerous", "dark", "date",
    "device", "dinner", "do", "down", "drive", "drop", "each", "early", "easy", "email", "end",
    "even", "event", "family", "far", "fetch", "find", "fix", "follow", "forget", "free", "from",
    "game", "get", "give", "go", "good", "group", "guess", "guests", "hand", "has", "head", "heavy",
    "help", "here", "home", "hot", "hour", "house", "idea", "if", "in", "intent", "is", "item",
    "keep", "kind", "know", "label", "last", "late", "later", "learn", "leave", "level", "light",
    "limits", "line", "list", "listen", "look", "lost", "love", "make", "mark", "meal", "mean",
    "meet", "message", "minute", "minutes", "model", "money", "month", "more", "move", "music",
    "name", "need", "never", "new", "next", "none", "note", "object", "off", "office", "old", "on",
    "only", "open", "order", "outside", "page", "paper", "part", "pay", "person", "place", "plan",
    "play", "point", "put", "rain", "raining", "read", "ready", "reason", "refuse", "remind",
    "rest", "result", "right", "robot", "room", "rule", "run", "safe", "same", "save", "school",
    "see", "sell", "send", "set", "show", "shut", "side", "sing", "sit", "skip", "sleep", "slot",
    "small", "some", "song", "sorry", "sound", "start", "state", "status", "stay", "step", "still",
    "stop", "store", "story", "sun", "switch", "system", "take", "talk", "task", "teach", "tell",
    "text", "then", "thing", "think", "this", "time", "timer", "to", "today", "tool", "topic",
    "try", "turn", "type", "under", "unknown", "unsafe", "use", "user", "value", "very", "visit",
    "wait", "walk", "want", "warm", "wash", "watch", "way", "week", "where", "who", "why", "wipe",
    "with", "word", "work", "world", "write", "wrong", "year", "yes", "you", "zone",
)  # fmt: skip


def article(noun: str) -> str:
    """``noun`` with ``a`` or ``an`` before it."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def comma_list(words: list[str] | tuple[str, ...]) -> str:
    """``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
