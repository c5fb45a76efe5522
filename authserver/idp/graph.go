// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
)

// maxGraphPages is how many pages of groups are asked for, of 999 each at most.
const maxGraphPages = 10

// memberOf asks Microsoft Graph for the groups of who signs in, as Entra leaves them out of
// an ID token if there are too many ("groups overage claim"). It is asked at the address that
// is configured, with an access token that has to be for it: neither at the one that the
// ID token names (_claim_sources) nor at one that an answer does (@odata.nextLink), of
// which the place in the list is taken alone.
func (o *openID) memberOf(ctx context.Context, accessToken string) ([]any, error) {
	const what = "Microsoft Graph"
	list := strings.TrimSuffix(o.config.GraphURL, "/") + "/v1.0/me/transitiveMemberOf?"
	query := url.Values{"$select": {"id"}, "$top": {"999"}}
	var groups []any
	for range maxGraphPages {
		text, _, err := o.graph.Get(ctx, what, list+query.Encode(), accessToken)
		if err != nil {
			return nil, err
		}
		var page struct {
			Next  string `json:"@odata.nextLink"`
			Value []struct {
				Type string `json:"@odata.type"`
				ID   string `json:"id"`
			} `json:"value"`
		}
		if err := oidc.Decode(what, text, &page); err != nil {
			return nil, err
		}
		if page.Value == nil {
			return nil, oidc.Fail(ErrRejected, "%s sent no list", what)
		}
		for _, member := range page.Value {
			if member.Type == "#microsoft.graph.group" { // others are roles of the directory, and administrative units
				groups = append(groups, member.ID)
			}
		}
		next, err := url.Parse(page.Next)
		if err != nil {
			return nil, oidc.Fail(ErrRejected, "%s says where it goes on, and that is no address", what)
		}
		place := next.Query().Get("$skiptoken")
		if page.Next == "" || len(groups) > config.MaxGroups {
			return groups, nil
		}
		if place == "" || place == query.Get("$skiptoken") {
			return nil, oidc.Fail(ErrRejected, "%s goes on, and does not say where", what)
		}
		query.Set("$skiptoken", place)
	}
	return groups, nil
}
