// SPDX-License-Identifier: Apache-2.0

// A certified OpenID provider for tests, with a form that takes any account's
// name. Its settings come as one line of JSON on standard input; it says where it
// listens as one line of JSON on standard output, and ends with its input.
//
//   issuer            default: http://127.0.0.1:<port>
//   port              default: any
//   clients           as in OpenID Connect Dynamic Client Registration 1.0
//   accounts          by name: {email, email_verified, groups, name, amr, ...}
//   claimsInIDToken   claims of the scopes are in the ID token, too
//   pkceRequired      default: true
//   resources         by address (RFC 8707): the scopes of access tokens for them, which are JWTs
//                     with the groups of the account; no others are given
//
// A later line {"accounts": ...} replaces the accounts.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider, errors } from 'oidc-provider';

let accounts = {};

const escape = (s) => String(s).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const form = (uid, problem) => `<!DOCTYPE html>
<html lang="en"><title>Provider</title><h1>Provider</h1>
<p id="problem">${escape(problem)}</p>
<form method="post" action="/interaction/${encodeURIComponent(uid)}">
<label>User <input name="user" autofocus autocomplete="off"></label>
<button name="do" value="login">Sign in</button> <button name="do" value="cancel">Cancel</button>
</form></html>`;

const jwk = (type, options, extra) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', ...extra,
});

const resourceIndicators = (resources) => ({
  enabled: true,
  defaultResource: () => undefined,
  useGrantedResource: () => true,
  getResourceServerInfo: (ctx, resource) => {
    if (!Object.hasOwn(resources, resource)) throw new errors.InvalidTarget();
    return { scope: resources[resource], accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
  },
});

const configuration = (settings) => ({
  acrValues: ['gold'],
  clients: settings.clients ?? [],
  claims: {
    openid: ['sub', 'amr'],
    email: ['email', 'email_verified'],
    profile: ['name', 'preferred_username', 'groups', 'realm_access'],
    groups: ['groups'],
  },
  conformIdTokenClaims: !settings.claimsInIDToken,
  clockTolerance: 5,
  cookies: { keys: ['only for tests'] },
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    userinfoSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
  },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    jwtUserinfo: { enabled: true },
    resourceIndicators: settings.resources ? resourceIndicators(settings.resources) : { enabled: false },
  },
  extraTokenClaims: (ctx, token) => ({ groups: accounts[token.accountId]?.groups }),
  // Clients of tests are at loopback, where oidc-provider's own dispatcher connects to nobody.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: (ctx, id) => accounts[id] && {
    accountId: id,
    claims: () => ({ preferred_username: id, ...accounts[id], sub: accounts[id].sub ?? id }),
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  jwks: {
    keys: [
      jwk('rsa', { modulusLength: 2048 }, { alg: 'RS256', kid: 'rs' }),
      jwk('rsa', { modulusLength: 2048 }, { alg: 'PS256', kid: 'ps' }),
      jwk('ec', { namedCurve: 'P-256' }, { alg: 'ES256', kid: 'es' }),
      jwk('ed25519', {}, { alg: 'EdDSA', kid: 'ed' }),
    ],
  },
  // Nobody is asked for consent.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid email profile groups');
    for (const [resource, scope] of Object.entries(settings.resources ?? {})) grant.addResourceScope(resource, scope);
    await grant.save();
    return grant;
  },
  pkce: { required: () => settings.pkceRequired ?? true },
  renderError: (ctx, out) => {
    ctx.type = 'json';
    ctx.body = out;
  },
  scopes: ['openid', 'email', 'profile', 'groups'],
  ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
});

async function body(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return new URLSearchParams(text);
}

async function interaction(provider, uid, req, res) {
  const answer = (status, problem) => {
    res.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    res.end(form(uid, problem));
  };
  const { params } = await provider.interactionDetails(req, res); // throws unless it is this browser's
  if (req.method !== 'POST') return answer(200, '');
  const fields = await body(req);
  if (fields.get('do') === 'cancel') {
    return provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'the user said no' });
  }
  const user = fields.get('user') ?? '';
  if (!Object.hasOwn(accounts, user)) return answer(401, 'There is no such user.');
  return provider.interactionFinished(req, res, {
    login: { accountId: user, remember: true, amr: accounts[user].amr, acr: params.acr_values?.split(' ').find((v) => v === 'gold') },
  }, { mergeWithLastSubmission: false });
}

function start(settings) {
  accounts = settings.accounts ?? {};
  const server = createServer();
  server.on('error', (err) => {
    console.error(err.message);
    process.exit(1);
  });
  server.listen(settings.port ?? 0, '127.0.0.1', () => {
    const { port } = server.address();
    const issuer = settings.issuer ?? `http://127.0.0.1:${port}`;
    const provider = new Provider(issuer, configuration(settings));
    provider.on('server_error', (ctx, err) => console.error(err));
    provider.on('backchannel.error', (ctx, err) => console.error(err));
    const handle = provider.callback();
    server.on('request', (req, res) => {
      const [, uid] = /^\/interaction\/([\w-]+)$/.exec(req.url) ?? [];
      if (!uid) return handle(req, res);
      return interaction(provider, uid, req, res).catch((err) => {
        res.writeHead(400, { 'content-type': 'text/plain' });
        res.end(`${err.message}\n`);
      });
    });
    console.log(JSON.stringify({ issuer, port }));
  });
}

let started = false;
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const settings = JSON.parse(line);
    if (started) accounts = settings.accounts ?? accounts;
    else start(settings);
    if (started) console.log('{}');
    started = true;
  })
  .on('close', () => process.exit(0));
