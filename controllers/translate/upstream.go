// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"net/textproto"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// upstreamHeaders leaves a fact that it does not know at NoFact, which policy refuses.
func (t *translator) upstreamHeaders(in []v1alpha1.UpstreamHeader) []policy.UpstreamHeader {
	var out []policy.UpstreamHeader
	for i := range in {
		h := &in[i]
		out = append(out, policy.UpstreamHeader{
			Name: textproto.CanonicalMIMEHeaderKey(h.Name), From: facts[h.From], Groups: stringsOf(h.Groups), Claim: h.Claim, Separator: h.Separator,
			Encoding: t.encoding(fmt.Sprintf("spec.upstreamHeaders[%d].encoding", i), h.Encoding),
		})
	}
	return out
}

var facts = map[v1alpha1.UpstreamFact]policy.Fact{
	v1alpha1.UpstreamUser: policy.UserFact, v1alpha1.UpstreamEmail: policy.EmailFact, v1alpha1.UpstreamGroups: policy.GroupsFact,
	v1alpha1.UpstreamClaim: policy.ClaimFact,
}

func (t *translator) encoding(field string, e v1alpha1.UpstreamEncoding) policy.Encoding {
	switch e {
	case "", v1alpha1.UpstreamPercent:
	case v1alpha1.UpstreamRFC8187:
		return policy.RFC8187Encoding
	case v1alpha1.UpstreamQuotedPrintable:
		return policy.QuotedPrintable
	case v1alpha1.UpstreamNone:
		return policy.NoEncoding
	default:
		t.wrong(field, "%q: Percent, RFC8187, QuotedPrintable or None", e)
	}
	return policy.PercentEncoding
}
