# Each line as a C string literal.
s/[\\"]/\\&/g
s/\t/\\t/g
s/.*/"&\\n"/
