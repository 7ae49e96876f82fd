package kombu

import "healpipe/celery/internal/pyrepr"

// Object is a dictionary that keeps the order of its entries, as Python's do. DecodeOrderedJSON returns them; they are
// encoded in their order by JSON, and print in it.
type Object []Member

// Member is one entry of an Object.
type Member = pyrepr.Pair

// PyItems returns the entries in their order.
func (o Object) PyItems() []Member { return o }

// Map returns the entries without their order. Of equal keys the last counts.
func (o Object) Map() map[string]any {
	m := make(map[string]any, len(o))
	for _, e := range o {
		m[e.Key] = e.Value
	}
	return m
}

// MarshalJSON writes the entries in their order.
func (o Object) MarshalJSON() ([]byte, error) { return appendObject(nil, o, 0) }

func appendObject(dst []byte, o Object, depth int) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	for i, e := range o {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(appendString(dst, e.Key), ": "...)
		if dst, err = appendJSON(dst, e.Value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// DecodeOrderedJSON is DecodeJSON with an Object for every object that is no marked value. Of equal keys the last
// value counts, in the place of the first, as in Python.
func DecodeOrderedJSON(data []byte) (any, error) { return readJSON(data, true) }

// DecodeOrdered is Decode whose dictionaries are Objects where the body is JSON.
func (m *Message) DecodeOrdered(accept Accept) (any, error) {
	if m.ContentType != ContentJSON {
		return m.decode(accept)
	}
	body, err := m.payload(accept)
	if err != nil {
		return nil, err
	}
	return DecodeOrderedJSON(body)
}
