package entity

// DummyHash is what CheckPassword compares with for a user who does not exist.
func DummyHash(cost int) string { return dummyHash(cost) }
