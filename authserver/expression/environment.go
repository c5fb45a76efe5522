// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"

	"github.com/ostiary/ostiary/authserver/policy"
)

var (
	errBroken  = errors.New("the expression has a mistake")
	errNotBool = errors.New("the result is neither true nor false")
)

// The most that a fact can be, in bytes or entries. What is more is not known.
const (
	maxMethod   = 64
	maxHost     = 253
	maxPath     = 2048
	maxOrigin   = 512
	maxEmail    = 320
	maxProvider = 253
	maxGroups   = 1024
	maxGroup    = 256
	maxAMR      = 32
	maxProof    = 64
)

// A variable is one that expressions can use.
type variable struct {
	typ        *cel.Type
	size, item uint64 // the most that it, and an entry of it, can be
}

// variables are all there are. Their names hold dots: to CEL each is one variable, so that
// a name that is none is found when the expression is checked.
var variables = map[string]variable{
	"request.method":    {cel.StringType, maxMethod, 0},
	"request.host":      {cel.StringType, maxHost, 0},
	"request.path":      {cel.StringType, maxPath, 0},
	"request.origin":    {cel.StringType, maxOrigin, 0},
	"request.address":   {ext.IPType, 1, 0},
	"identity.email":    {cel.StringType, maxEmail, 0},
	"identity.provider": {cel.StringType, maxProvider, 0},
	groups:              {cel.ListType(cel.StringType), maxGroups, maxGroup},
	"identity.amr":      {cel.ListType(cel.StringType), maxAMR, maxProof},
	"now":               {cel.TimestampType, 1, 0},
}

// groups is the variable that takes more than to be named: see walk.
const groups = "identity.groups"

// Bounds of what is parsed.
const (
	maxDepth   = 64 // of calls in calls
	maxNesting = 2  // of all, exists, map and filter in each other
)

var environment = sync.OnceValues(func() (*cel.Env, error) {
	options := []cel.EnvOption{
		ext.Network(),
		cel.Function("lowerAscii", cel.MemberOverload("string_lower_ascii", []*cel.Type{cel.StringType}, cel.StringType,
			cel.UnaryBinding(lowerASCII))),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.EagerlyValidateDeclarations(true),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(), cel.ValidateComprehensionNestingLimit(maxNesting)),
	}
	for name, v := range variables {
		options = append(options, cel.Variable(name, v.typ))
	}
	return cel.NewEnv(options...)
})

// lowerASCII lowers A to Z alone: to strings.ToLower the Kelvin sign is a "k".
func lowerASCII(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.String(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, string(s)))
}

// facts are the variables of one evaluation.
type facts policy.Facts

// Parent returns nil: there are no other variables.
func (f *facts) Parent() cel.Activation { return nil }

// ResolveName returns a variable. One that is not known is missing, which is an error
// where the result depends on it, and none where it does not.
func (f *facts) ResolveName(name string) (any, bool) {
	switch name {
	case "request.method":
		return f.Method, len(f.Method) <= maxMethod
	case "request.host":
		return f.Host, len(f.Host) <= maxHost
	case "request.path":
		return f.Path, !f.PathUnknown && len(f.Path) <= maxPath
	case "request.origin":
		return f.Origin, !f.OriginUnknown && len(f.Origin) <= maxOrigin
	case "request.address":
		return f.Address, f.Address.IsValid()
	case "now":
		return f.Now, true
	default:
		return f.identity(name)
	}
}

func (f *facts) identity(name string) (any, bool) {
	switch name {
	case "identity.email":
		return f.Email, len(f.Email) <= maxEmail
	case "identity.provider":
		return f.Provider, len(f.Provider) <= maxProvider
	case groups:
		return f.Groups, few(f.Groups, maxGroups, maxGroup)
	case "identity.amr":
		return f.AMR, few(f.AMR, maxAMR, maxProof)
	default:
		return nil, false
	}
}

// few reports whether a list is of a size that was reckoned with.
func few(list []string, most, longest int) bool {
	return len(list) <= most && !slices.ContainsFunc(list, func(s string) bool { return len(s) > longest })
}
