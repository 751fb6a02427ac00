package config

// Nearest returns the known name that is most similar to a misspelt one, or "" if more than one letter in
// five differs.
func Nearest(name string, known []string) string {
	nearest, least := "", len(name)/5+1
	for _, one := range known {
		if wrong := distance(name, one); wrong <= least && (wrong < least || nearest == "") {
			nearest, least = one, wrong
		}
	}
	return nearest
}

// distance returns how many letters must be inserted, removed, replaced or swapped with the next letter to
// change a into b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range b {
		rows[0][j+1] = j + 1
	}
	for i := range a {
		for j := range b {
			replaced := rows[i][j]
			if a[i] != b[j] {
				replaced++
			}
			rows[i+1][j+1] = min(rows[i][j+1]+1, rows[i+1][j]+1, replaced)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				rows[i+1][j+1] = min(rows[i+1][j+1], rows[i-1][j-1]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
