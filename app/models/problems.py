"""Why things were not attached, when several come to nothing one after the other."""

from app.language import grouped, tr

_SHOWN = 3


class Problems:
    """Sentences since somebody last asked for something; the first few are shown, each once."""

    def __init__(self) -> None:
        self._sentences: list[str] = []

    def begin(self, sentence: str) -> str:
        """Forget what was said before; return the words to show, "" for nothing."""
        self._sentences.clear()
        return self.add(sentence)

    def add(self, sentence: str) -> str:
        """Return the words to show, a sentence on each line."""
        if sentence and sentence not in self._sentences:
            self._sentences.append(sentence)
        lines = self._sentences[:_SHOWN]
        if more := len(self._sentences) - len(lines):
            lines.append(tr("And {count} more.").format(count=grouped(more)))
        return "\n".join(lines)
