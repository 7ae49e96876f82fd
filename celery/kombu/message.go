package kombu

// Message is one message as it travels: an element of a queue's list or the payload of a PUBLISH.
// The zero value is an empty message; Publish fills in the delivery tag and the delivery info.
type Message struct {
	// Body is the encoded payload: after base64, before compression and serialization are undone.
	Body []byte
	// ContentType names the serializer, as "application/json".
	ContentType string
	// ContentEncoding names the character set, as "utf-8" or "binary".
	ContentEncoding string
	// Headers are the application headers. Values are as DecodeJSON returns them.
	Headers map[string]any
	// Properties are the message's properties.
	Properties Properties
	// Extra holds envelope fields that Kombu does not define.
	Extra map[string]any

	raw []byte // the envelope as received; nil for a message made here
}

// Properties are the AMQP-like properties of a message.
type Properties struct {
	CorrelationID string // task id
	ReplyTo       string // reply queue or the producer's id
	DeliveryMode  int    // 2 persistent (0 is sent as 2), 1 transient
	DeliveryInfo  DeliveryInfo
	Priority      int    // 0 (served first) to 9
	BodyEncoding  string // "base64" ("" is sent as that), "utf-8" or "none" for a plain string
	DeliveryTag   string // unique; Publish makes one when empty
	Expiration    string // milliseconds, as Kombu writes it; Redis ignores it
	// Extra holds the properties without a field above, so that they survive a round trip.
	Extra map[string]any
}

// DeliveryInfo says where a message was published.
type DeliveryInfo struct {
	Exchange    string
	RoutingKey  string
	Redelivered bool
	Extra       map[string]any
}

// Raw returns the envelope exactly as it was received, or nil for a message made here. The caller must not
// change it.
func (m *Message) Raw() []byte { return m.raw }

// Redelivered reports whether the message has been delivered before, from its properties or its headers.
func (m *Message) Redelivered() bool {
	if m.Properties.DeliveryInfo.Redelivered {
		return true
	}
	r, _ := m.Headers["redelivered"].(bool)
	return r
}
