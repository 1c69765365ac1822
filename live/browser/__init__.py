"""The page on which one moves the wrist: worlds of their own for its visitors, and what is drawn of them."""
