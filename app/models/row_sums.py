"""A number for each row of a long list (its height, its matches), with quick sums and lookups (no Qt).

A Fenwick tree: changing one number, the sum before a row and the row at a position each take O(log n).
"""

from collections.abc import Sequence
from itertools import accumulate


class RowSums:
    """Numbers from 0 on; positions count through all of them, from the first row's beginning."""

    def __init__(self) -> None:
        self._values: list[int] = []
        self._tree: list[int] = [0]
        self._leap = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._values)

    def __getitem__(self, row: int) -> int:
        """Return one row's number; raises IndexError."""
        return self._values[row]

    @property
    def total(self) -> int:
        """The sum of all rows."""
        return self.before(len(self._values))

    def values_from(self, first: int) -> list[int]:
        """Return the numbers of the rows from `first` on."""
        return self._values[first:]

    def replace_from(self, first: int, values: Sequence[int]) -> None:
        """Make the rows from `first` on exactly these; it costs what they are, not what stands before them."""
        del self._values[first:], self._tree[first + 1 :]
        before = list(accumulate(values, initial=self.before(first)))  # each of them, and all
        self._values.extend(values)
        for node in range(first + 1, len(self._values) + 1):
            start = node & (node - 1)
            self._tree.append(before[node - first] - (before[start - first] if start >= first else self.before(start)))
        self._leap = 1 << len(self._values).bit_length() >> 1

    def set_value(self, row: int, value: int) -> int:
        """Change one row's number and return by how much it grew; raises IndexError."""
        growth = value - self._values[row]
        if growth:
            self._values[row] = value
            node = row + 1
            while node < len(self._tree):
                self._tree[node] += growth
                node += node & -node
        return growth

    def before(self, row: int) -> int:
        """Return the sum of the rows before one, which is where it begins; `len(self)` gives that of all."""
        position = 0
        while row:
            position += self._tree[row]
            row &= row - 1
        return position

    def row_at(self, position: int) -> int:
        """Return the row that covers a position; the first or last one for positions outside. -1 if there is none."""
        node, step = 0, self._leap
        while step:
            following = node + step
            if following < len(self._tree) and self._tree[following] <= position:
                node = following
                position -= self._tree[following]
            step >>= 1
        return min(node, len(self._values) - 1)
