"""Ranges that users give: what is said of one whose ends are the wrong way round."""


def reversed_note(low: float, high: float) -> str:
    """Words that follow the two ends in an error: that they are reversed; none where they are not."""
    return " (reversed: the lower end comes first)" if low > high else ""
