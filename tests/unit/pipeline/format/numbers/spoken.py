"""How numbers are read aloud in English: written apart from the grammar under test, as its reference."""

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]


def cardinal(value: int, *, joiner: str = "") -> str:
    """`value` (0 to 999 billion) as read; `joiner` is said before tens and ones: " and" in British English."""
    if value < len(ONES):
        return ONES[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return TENS[tens] + (f" {ONES[ones]}" if ones else "")
    for scale, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if value >= scale:
            head, rest = divmod(value, scale)
            link = joiner if rest < 100 else ""
            return f"{cardinal(head, joiner=joiner)} {name}" + (
                f"{link} {cardinal(rest, joiner=joiner)}" if rest else ""
            )
    raise AssertionError(value)


def ordinal(value: int) -> str:
    """`value` as an ordinal."""
    *head, last = cardinal(value).split()
    if last in ORDINALS:
        return " ".join([*head, ORDINALS[last]])
    stem = {"twelve": "twelf"}.get(last, last.removesuffix("y") + "ie" if last.endswith("ty") else last)
    return " ".join([*head, f"{stem}th"])


def year(value: int) -> str:
    """A year from 1900 to 2099, as most people say it."""
    century, rest = divmod(value, 100)
    if rest == 0:
        return "two thousand" if century == 20 else f"{ONES[century]} hundred"
    if century == 20 and rest < 10:
        return f"two thousand {ONES[rest]}"
    return f"{cardinal(century)} {cardinal(rest) if rest >= 10 else f'oh {ONES[rest]}'}"


def minutes(value: int) -> str:
    """The minutes of a time of day, 1 to 59."""
    return cardinal(value) if value >= 10 else f"oh {ONES[value]}"


def digits(written: str, zero: str = "zero") -> str:
    """Digits, read one by one."""
    return " ".join(zero if digit == "0" else ONES[int(digit)] for digit in written)
