package forward

// Grammars are the metadata keys whose values a pattern describes, as
// proto/README.md has them.
func Grammars() map[string]string {
	return map[string]string{
		reasonKey: reasonPattern.String(), domainKey: domainPattern.String(), retryAfterKey: secondsPattern.String(), pushbackKey: pushbackPattern.String(),
		limitKey: countPattern.String(), remainingKey: countPattern.String(), resetKey: countPattern.String(),
	}
}
