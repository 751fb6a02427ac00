package exchange

// Observer is told of every request: for metrics, above all. It is safe for concurrent
// use.
type Observer interface {
	// Begin is called when a request has come, End with its HTTP method when it is
	// over. What net/http refuses by itself has no method that is known. The observer
	// keeps neither the exchange nor anything of it.
	Begin()
	End(method string, ex *Exchange)
}
