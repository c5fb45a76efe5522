-- SPDX-License-Identifier: Apache-2.0
--
-- Asks ostiary's authz listener about a request, for HAProxy 2.6 or newer:
--
--   http-request set-var(txn.host) req.fhdr(host),host_only,lower
--   http-request lua.ostiary HOST:PORT
--
-- The question is about txn.host, which is the host that the configuration goes by.
-- txn.ostiary_headers are the headers that policies set for applications, in lower case,
-- with colons between them.
--
-- It sets txn.ostiary to "allow", or to "preflight" for one that the preflight
-- listener answers; or else it sends the browser what ostiary wrote. HAProxy goes on
-- when a script fails, so the configuration must deny what has neither value.

-- What a decision depends on. No other header of the client is passed on, so that
-- none can be taken for the proxy's.
local asked = {
  "cookie", "authorization", "origin", "accept", "accept-language",
  "access-control-request-method", "access-control-request-headers", "access-control-request-private-network",
  "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-storage-access", "sec-websocket-key", "x-requested-with", "x-request-id", "content-type",
  "http2-settings", "x-access-client-id", "x-access-client-secret", "x-access-token",
  "cf-access-client-id", "cf-access-client-secret", "cf-access-token",
}

-- What tells the application who is calling, and what a machine tells us alone: the
-- application gets none of a client's.
local identity = {
  "x-access-jwt-assertion", "x-access-email", "x-access-user", "x-access-groups",
  "x-access-client-id", "x-access-client-secret", "x-access-token",
  "cf-access-jwt-assertion", "cf-access-authenticated-user-email",
  "cf-access-client-id", "cf-access-client-secret", "cf-access-token",
}

-- What is the business of one connection, and of this one HAProxy takes care itself.
local hop = {
  ["connection"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true, ["content-length"] = true,
  ["te"] = true, ["trailer"] = true, ["upgrade"] = true, ["proxy-connection"] = true,
}

-- values makes a list of HAProxy's table, which begins at 0.
local function values(t)
  local list = {}
  local i = 0
  while t ~= nil and t[i] ~= nil do
    list[#list + 1] = t[i]
    i = i + 1
  end
  return list
end

-- host is what was routed by, and the port that the browser used. Without it there is
-- no question.
local function host(txn, client)
  local name = txn:get_var("txn.host")
  if name == nil or name == "" then
    return {}
  end
  return { name .. (string.match(values(client["host"])[1] or "", ":%d+$") or "") }
end

-- endpoint is where to ask. One that is told of client certificates is told whether there
-- is one, on every question: no header of the client says so.
local function endpoint(txn, headers)
  local base = txn:get_var("txn.ostiary_endpoint")
  if base == nil then
    return "/authz/v1/forward"
  end
  local certificate = txn:get_var("txn.ostiary_cert")
  headers["client-cert"] = { certificate ~= nil and ":" .. certificate .. ":" or "" }
  return base .. "/forward"
end

local function question(txn)
  local client = txn.http:req_get_headers()
  local headers = {}
  for _, name in ipairs(asked) do
    local lines = values(client[name])
    if #lines > 0 then
      headers[name] = lines
    end
  end
  headers["x-forwarded-method"] = { txn.sf:method() }
  headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  headers["x-forwarded-host"] = host(txn, client)
  headers["x-forwarded-uri"] = { txn.sf:pathq() }
  headers["x-forwarded-for"] = { txn.sf:src() }
  return headers
end

-- is_preflight says so in the words of the Fetch standard.
local function is_preflight(headers)
  local method = headers["access-control-request-method"]
  return headers["x-forwarded-method"][1] == "OPTIONS" and headers["origin"] ~= nil and method ~= nil and method[1] ~= ""
end

local function one(answer, name)
  local lines = answer.headers[name]
  if lines == nil then
    return ""
  end
  return lines[1] or lines[0] or ""
end

local function replace(txn, answer, name)
  txn.http:req_del_header(name)
  local value = one(answer, name)
  if value ~= "" then
    txn.http:req_set_header(name, value)
  end
end

local function allow(txn, answer)
  for _, name in ipairs(identity) do
    replace(txn, answer, name)
  end
  -- Those that policies set for applications: the configuration lists them.
  for name in string.gmatch(txn:get_var("txn.ostiary_headers") or "", "[^:]+") do
    replace(txn, answer, name)
  end
  -- responses: Managed. They take the place of the application's.
  for variable, name in pairs({ managed = "x-ostiary-cors", allow_origin = "access-control-allow-origin",
    allow_credentials = "access-control-allow-credentials", expose_headers = "access-control-expose-headers", vary = "vary" }) do
    local value = one(answer, name)
    if value ~= "" then
      txn:set_var("txn.ostiary_" .. variable, value)
    end
  end
  txn:set_var("txn.ostiary", "allow")
end

-- relay sends the answer as it came, each Set-Cookie by itself.
local function relay(txn, answer)
  local reply = txn:reply()
  reply:set_status(answer.status)
  for name, lines in pairs(answer.headers) do
    if not hop[string.lower(name)] then
      local first = lines[0] ~= nil and 0 or 1
      for i = first, #lines do
        reply:add_header(name, lines[i])
      end
    end
  end
  if txn.sf:method() ~= "HEAD" then
    reply:set_body(answer.body or "")
  end
  txn:done(reply)
end

core.register_action("ostiary", { "http-req" }, function(txn, address)
  txn:set_var("txn.ostiary", "no")
  local headers = question(txn)
  local answer = core.httpclient():get({ url = "http://" .. address .. endpoint(txn, headers), headers = headers, timeout = 5000 })
  local status = answer ~= nil and answer.status or 0
  if status == 200 then
    allow(txn, answer) -- of a preflight: the application answers it itself
  elseif is_preflight(headers) then
    txn:set_var("txn.ostiary", "preflight")
  elseif status >= 300 and status < 500 then
    relay(txn, answer)
  end
  -- Anything else, and no answer at all, is a no: txn.ostiary says so.
end, 1)
