"""`python -m vidrecover` is the program, where its folder of scripts is not on the path."""

from vidrecover.cli import main

if __name__ == "__main__":
    main()
