"""How a rate is written: with as many digits as it deserves, so that none that is slow looks like none at all."""


def decimals(rate: float, usual: int = 1) -> int:
    """Return the digits behind the point: the usual ones, or what two digits take where those would show about 0."""
    if not 0 < rate < 0.95 * 10**-usual:
        return usual
    exponent = f"{rate:.1e}".partition("e")[2]  # of the rounded number: 0.00999 is written as 0.010
    return 1 - int(exponent)


def written(rate: float, usual: int = 1) -> str:
    """Return a rate in English: 1,234.5, 0.3, 0.043."""
    return f"{rate:,.{decimals(rate, usual)}f}"


def rounded(rate: float, usual: int = 1) -> float:
    """Return a rate as it is written; above 0 it stays so."""
    return round(rate, decimals(rate, usual))
