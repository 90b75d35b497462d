"""Questions and answers: what is sent, what waits, what is known, what it takes."""
