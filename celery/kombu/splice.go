package kombu

import "slices"

// markRedelivered returns an envelope with headers.redelivered and properties.delivery_info.redelivered
// set to true and everything else as it was, byte for byte. What is not there is not added to, as in
// Kombu.
func markRedelivered(raw []byte) ([]byte, error) {
	var edits []edit
	r := jsonReader{s: raw}
	err := r.members(func(key string) (err error) {
		switch {
		case key == "headers" && r.peek() == '{':
			return r.setTrue("redelivered", &edits)
		case key == "properties" && r.peek() == '{':
			return r.members(func(key string) error {
				if key == "delivery_info" && r.peek() == '{' {
					return r.setTrue("redelivered", &edits)
				}
				_, err := r.skip(1)
				return err
			})
		}
		_, err = r.skip(1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := slices.Clone(raw)
	for _, e := range slices.Backward(edits) {
		out = slices.Replace(out, e.from, e.to, []byte(e.text)...)
	}
	return out, nil
}

// edit is a replacement of raw[from:to].
type edit struct {
	from, to int
	text     string
}

// setTrue passes over an object and notes the edit that sets a member to true.
func (r *jsonReader) setTrue(name string, edits *[]edit) error {
	n, found := 0, false
	err := r.members(func(key string) error {
		n++
		raw, err := r.skip(1)
		if err == nil && key == name {
			found = true
			*edits = append(*edits, edit{r.i - len(raw), r.i, "true"})
		}
		return err
	})
	if err != nil || found {
		return err
	}
	text := `"` + name + `": true`
	if n > 0 {
		text = ", " + text
	}
	*edits = append(*edits, edit{r.i - 1, r.i - 1, text})
	return nil
}

// unackedEntry splits a value of the unacked hash, [message, exchange, routing key].
func unackedEntry(value []byte) (raw []byte, exchange, routingKey string, err error) {
	r := jsonReader{s: value}
	if r.peek() != '[' {
		return nil, "", "", r.fail("no array")
	}
	r.i++
	if r.peek() != '{' {
		return nil, "", "", r.fail("no message")
	}
	if raw, err = r.skip(1); err != nil {
		return nil, "", "", err
	}
	for _, p := range []*string{&exchange, &routingKey} {
		if r.peek() != ',' {
			return nil, "", "", r.fail("no exchange and routing key")
		}
		r.i++
		if err = r.optional(p); err != nil {
			return nil, "", "", err
		}
	}
	return raw, exchange, routingKey, nil
}
