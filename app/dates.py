"""Dates as the user's language writes them, and as names of files have them. Pure functions."""

from datetime import date, datetime

from app.language import mark, tr

_MONTHS = (
    mark("January"),
    mark("February"),
    mark("March"),
    mark("April"),
    mark("May"),
    mark("June"),
    mark("July"),
    mark("August"),
    mark("September"),
    mark("October"),
    mark("November"),
    mark("December"),
)


def month_and_year(day: date) -> str:
    """Return e.g. "March 2026"."""
    return tr("{month} {year}").format(month=tr(_MONTHS[day.month - 1]), year=day.year)


def full_date(day: date) -> str:
    """Return e.g. "5 March 2026"."""
    return tr("{day} {month} {year}").format(day=day.day, month=tr(_MONTHS[day.month - 1]), year=day.year)


def moment(timestamp: float) -> str:
    """Return e.g. "5 March 2026, 14:32", in local time; timestamp is in seconds since 1970."""
    when = datetime.fromtimestamp(timestamp)
    return tr("{date}, {time}").format(date=full_date(when.date()), time=f"{when:%H:%M}")


def stamp(timestamp: float) -> str:
    """Return e.g. "2026-03-05_14-32-07", in local time, as part of a file's name: Windows allows no colons in it."""
    return f"{datetime.fromtimestamp(timestamp):%Y-%m-%d_%H-%M-%S}"
