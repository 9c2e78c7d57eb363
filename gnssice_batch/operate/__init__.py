"""What an operator does beside runs: status, verification, retry of rejected files, housekeeping."""
