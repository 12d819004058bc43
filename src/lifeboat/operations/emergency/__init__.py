"""What to do when data has been lost and somebody is sitting there at night: questions, what is known, one proposal. It changes nothing."""
