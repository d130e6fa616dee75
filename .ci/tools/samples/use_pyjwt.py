import sys

/* SAMPLE */

for line in sys.stdin:
    try:
        verify_person(line.strip())
        print("accepted")
    except jwt.PyJWTError:
        print("refused")
