// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// unreadable are the attributes of a question that could not be read.
var unreadable = &authv3.AttributeContext{}

// tolerantCodec reads every question: what cannot be read, it marks. gRPC would make an
// error of it, which failure_mode_allow makes a yes.
type tolerantCodec struct{ encoding.CodecV2 }

func (c tolerantCodec) Unmarshal(data mem.BufferSlice, v any) error {
	err := c.CodecV2.Unmarshal(data, v)
	if r, ok := v.(*authv3.CheckRequest); ok && err != nil {
		proto.Reset(r)
		r.Attributes = unreadable
		return nil
	}
	return err
}
