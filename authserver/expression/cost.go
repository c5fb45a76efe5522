// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"fmt"
	"math"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/ostiary/ostiary/authserver/policy"
)

// costOf returns the most that an expression can cost, or why that is too much. A unit is
// about what a comparison takes, a tenth of a microsecond.
func costOf(env *cel.Env, checked *cel.Ast, patterns map[string]uint64) (cost uint64, problem string) {
	estimate, err := env.EstimateCost(checked, &estimator{patterns: patterns})
	switch {
	case err != nil:
		return 0, policy.Line(err.Error())
	case estimate.Max == math.MaxUint64:
		return 0, fmt.Sprintf("there is no bound to what the expression can cost, and at most %d is allowed: leave out texts and lists "+
			"that are put together from others", policy.MaxConditionCost)
	case estimate.Max > policy.MaxConditionCost:
		return 0, fmt.Sprintf("the expression can cost %d, and at most %d is allowed: use shorter regular expressions, fewer all, exists, "+
			"map and filter, or none in each other", estimate.Max, policy.MaxConditionCost)
	}
	return max(estimate.Max, 1), ""
}

// An estimator knows how large variables can be, and what the functions cost that CEL
// would reckon as cheaper than they are.
type estimator struct{ patterns map[string]uint64 }

// EstimateSize says how large a variable, or an entry of it, can be.
func (s *estimator) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	v, ok := variables[path[0]]
	switch {
	case !ok:
		return nil
	case len(path) == 1:
		return &checker.SizeEstimate{Max: v.size}
	default:
		return &checker.SizeEstimate{Max: v.item}
	}
}

// perStep is how many steps of a regular expression, of one instruction at one character,
// are a unit. CEL goes by the length of the text, and (.{0,999}){9} is short.
const perStep = 10

// asText is the most that a number, a time, an address or a network is as text.
const asText = 64

// EstimateCallCost says what a call can cost.
func (s *estimator) EstimateCallCost(function, overload string, target *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	all := args
	if target != nil {
		all = append([]checker.AstNode{*target}, args...)
	}
	switch {
	case function == "matches" && len(all) == 2:
		text, _ := literal(all[1].Expr())
		return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Min: 1,
			Max: product(s.size(all[0]), s.patterns[text])/perStep + 1}}
	case function == "lowerAscii" && len(all) == 1:
		n := s.size(all[0])
		return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Min: 1, Max: n/perStep + 1},
			ResultSize: &checker.SizeEstimate{Max: n}}
	case function == "string" && overload != "bytes_to_string" && overload != "string_to_string":
		return &checker.CallEstimate{CostEstimate: checker.FixedCostEstimate(1), ResultSize: &checker.SizeEstimate{Max: asText}}
	default:
		return nil
	}
}

func (s *estimator) size(node checker.AstNode) uint64 {
	if known := node.ComputedSize(); known != nil {
		return known.Max
	}
	if known := s.EstimateSize(node); known != nil {
		return known.Max
	}
	return math.MaxUint64
}

func product(a, b uint64) uint64 {
	if b != 0 && a > math.MaxUint64/b {
		return math.MaxUint64 - 1
	}
	return a * b
}

// CallCost is the same while an expression is evaluated.
func (s *estimator) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if function != "matches" && function != "lowerAscii" || len(args) == 0 {
		return nil
	}
	text, _ := args[0].(types.String)
	cost := uint64(len(text))/perStep + 1
	if function == "matches" {
		pattern, _ := args[1].(types.String)
		cost = product(uint64(len(text)), s.patterns[string(pattern)])/perStep + 1
	}
	return &cost
}
