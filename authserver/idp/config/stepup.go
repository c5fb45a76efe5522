// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"time"
)

// A StepUp is how a provider is asked for a sign-in by a method that somebody lacks.
type StepUp struct {
	Method    string        // what rules call it (policy.AuthMethod)
	ACRValues []string      // acr_values, and what an acr has to be one of to say Method
	MaxAge    time.Duration // max_age, in whole seconds; 0: any
	Login     bool          // prompt=login
}

// The bounds of the CRD.
const (
	maxStepUps   = 4
	maxMethod    = 64
	maxACRValues = 8
)

// stepUp checks what the provider can be asked for, and reads its methods.
func (c *check) stepUp() {
	all := c.provider.StepUp
	for i := range all {
		s, field := &all[i], fmt.Sprintf("stepUp[%d]", i)
		twice := slices.ContainsFunc(all[:i], func(o StepUp) bool { return o.Method == s.Method })
		switch {
		case !isWord(s.Method) || len(s.Method) > maxMethod:
			c.wrong(field+".authMethod", codeStepUp, "%.40q: an authentication method is one word, such as mfa", s.Method)
		case twice:
			c.wrong(field+".authMethod", codeStepUp, "%q: listed twice", s.Method)
		case len(s.ACRValues) > maxACRValues || slices.ContainsFunc(s.ACRValues, isNoWord):
			c.wrong(field+".acrValues", codeStepUp, "at most %d words without quotes", maxACRValues)
		case s.MaxAge < 0 || s.MaxAge%time.Second != 0:
			c.wrong(field+".maxAge", codeStepUp, "%s: some seconds, minutes or hours", s.MaxAge)
		default:
			c.StepUp = append(c.StepUp, s.Method)
		}
	}
	if len(all) > maxStepUps {
		c.wrong("stepUp", codeStepUp, "%d, and at most %d are allowed", len(all), maxStepUps)
	}
}

// StepUpBy returns how the provider is asked for a method; nil: it cannot be.
func (p *Provider) StepUpBy(method string) *StepUp {
	for i := range p.StepUp {
		if p.StepUp[i].Method == method && method != "" {
			return &p.StepUp[i]
		}
	}
	return nil
}

func isNoWord(s string) bool { return !isWord(s) }
