package route

import "strings"

// node is a node in a trie of segments: it has the possible next segments.
type node[T any] struct {
	literals map[string]*node[T] // by their unescaped text
	wildcard *node[T]
	rest     *leaf[T] // `**` comes next; it is always last
	end      *leaf[T] // the path may end here
}

// leaf is a template and the value that was added with it.
type leaf[T any] struct {
	template *Template
	value    T
}

// add returns the template that is there already, or nil.
func (n *node[T]) add(t *Template, value T) *Template {
	for _, s := range t.segments {
		if s.kind == rest {
			return set(&n.rest, t, value)
		}
		n = n.child(s)
	}
	return set(&n.end, t, value)
}

func (n *node[T]) child(s segment) *node[T] {
	if s.kind == wildcard {
		if n.wildcard == nil {
			n.wildcard = &node[T]{}
		}
		return n.wildcard
	}
	if n.literals == nil {
		n.literals = make(map[string]*node[T])
	}
	if n.literals[s.key] == nil {
		n.literals[s.key] = &node[T]{}
	}
	return n.literals[s.key]
}

func set[T any](place **leaf[T], t *Template, value T) *Template {
	if *place != nil {
		return (*place).template
	}
	*place = &leaf[T]{template: t, value: value}
	return nil
}

// findRoot finds the best match in the whole trie. Only here `**` can take no
// segment: "/**" matches "/", but "/v1/**" does not match "/v1".
func (n *node[T]) findRoot(path string) *leaf[T] {
	if path != "" {
		return n.find(path, true)
	}
	if n.end != nil {
		return n.end
	}
	return n.rest
}

// find finds the best match below n for the segments of path; there are none if
// more is false. It backtracks at most once for each node that the templates share
// with the path, so a client cannot raise the limit of its cost.
func (n *node[T]) find(path string, more bool) *leaf[T] {
	if !more {
		return n.end
	}
	seg, path, more := strings.Cut(path, "/")
	if len(n.literals) > 0 { // else there is no reason to unescape
		if child := n.literals[unescape(seg, false)]; child != nil {
			if found := child.find(path, more); found != nil {
				return found
			}
		}
	}
	if n.wildcard != nil {
		if found := n.wildcard.find(path, more); found != nil {
			return found
		}
	}
	return n.rest
}
