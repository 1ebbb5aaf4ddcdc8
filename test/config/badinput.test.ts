import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { loadConfig } from "../../src/config/loadConfig.ts"
import { filesOf, load, pem, sound } from "./load.ts"

/** Replaces a line of the sound configuration, which must be there. */
const edit = (from: string, to: string): string => {
  assert.include(sound, from)
  return sound.replace(from, () => to)
}
const interval = 'poll_interval = "59s"'
const address = '"127.0.0.1:8080"'
const hub = 'registry_domain = "registry-1.docker.io"'
const job = 'nomad_job_name = "web"'
const known = "expected a key that is known here"
const duration = 'expected a duration with its unit, from 1s to 24h, such as "59s" or "1m30s"'
const listen =
  'expected host:port with a port from 0 to 65535, such as "127.0.0.1:8080", ":8080" or "[::1]:8080"'
const host =
  'expected a host, with its port where it is not the usual one, such as "registry.example.com:5000"'
const postgres = 'expected a postgresql://user:password@host:5432/database URL, or "embedded"'
const login = "expected base64 of user:password, or nothing for anonymous access"
const hidden = "(not shown: it may be a secret)"
const shared = "expected tasks that no other repository has"
const add = (toml: string, ...lines: ReadonlyArray<string>) => `${toml}${lines.join("\n")}\n`

/** What is wrong; the configuration; every problem of it, as it is printed. */
const rows: ReadonlyArray<readonly [what: string, toml: string, ...printed: ReadonlyArray<string>]> = [
  [
    "text that is no TOML",
    edit(interval, "poll_interval = 59s"),
    "config/x.toml:2: expected TOML, got illegal character in numeric literal in column 19"
  ],
  [
    "a key twice",
    edit(interval, `${interval}\n${interval}`),
    "config/x.toml:3: expected TOML, got trying to redefine an already defined table or value in column 1"
  ],
  [
    "an unknown key",
    edit(interval, 'poll_intervall = "59s"'),
    `config/x.toml:2: poll_intervall: ${known} (did you mean poll_interval?), got poll_intervall`
  ],
  [
    "an unknown key that is like none",
    edit(interval, 'webserver = "x"'),
    `config/x.toml:2: webserver: ${known}, got webserver`
  ],
  [
    "an unknown key of a registry",
    edit(hub, `${hub}\nregistry_atuh = "dXNlcjpwYXNz"`),
    `config/x.toml:8: registry_map.hub.registry_atuh: ${known} (did you mean registry_auth?), got registry_atuh`
  ],
  [
    "a key of the first part after a table",
    add(sound, interval),
    `config/x.toml:21: repo_map.web.poll_interval: ${known} (it belongs before the first [table]), got poll_interval`
  ],
  [
    "a key of a registry in a repository",
    add(sound, 'ca_file = "ca.pem"'),
    `config/x.toml:21: repo_map.web.ca_file: ${known} (it belongs in a [registry_map.NAME]), got ca_file`
  ],
  [
    "a key of a repository in the first part",
    edit(interval, 'nomad_task_name = "web"'),
    `config/x.toml:2: nomad_task_name: ${known} (it belongs in a [repo_map.REPOSITORY]), got nomad_task_name`
  ],
  [
    "a registry's table that is none",
    add(sound, "[registry_map]", "quay = 1"),
    "config/x.toml:22: registry_map.quay: expected a table, got a number"
  ],
  [
    "a map that is no table",
    `repo_map = "api"\nwatched_repositories = []\n`,
    "config/x.toml:1: repo_map: expected tables, each begun with [repo_map.NAME], got a text"
  ],

  [
    "a number without its unit",
    edit(interval, "poll_interval = 59"),
    `config/x.toml:2: poll_interval: ${duration}, got 59`
  ],
  [
    "a text without its unit",
    edit(interval, 'poll_interval = "59"'),
    `config/x.toml:2: poll_interval: ${duration}, got "59"`
  ],
  [
    "an unknown unit",
    edit(interval, 'poll_interval = "1d"'),
    `config/x.toml:2: poll_interval: ${duration}, got "1d"`
  ],
  [
    "a number after the unit",
    edit(interval, 'poll_interval = "59s59"'),
    `config/x.toml:2: poll_interval: ${duration}, got "59s59"`
  ],
  [
    "an interval below a second",
    edit(interval, 'poll_interval = "999ms"'),
    `config/x.toml:2: poll_interval: ${duration}, got "999ms"`
  ],
  [
    "an interval above a day",
    edit(interval, 'poll_interval = "24h1ms"'),
    `config/x.toml:2: poll_interval: ${duration}, got "24h1ms"`
  ],

  [
    "a share in percent",
    add(sound, "[brake]", "share = 20"),
    "config/x.toml:22: brake.share: expected a number from 0 to 1, such as 0.2, without quotes, got 20"
  ],
  [
    "a share that is no number",
    add(sound, "[brake]", "share = nan"),
    "config/x.toml:22: brake.share: expected a number from 0 to 1, such as 0.2, without quotes, got NaN"
  ],
  [
    "a share and a count that are wrong",
    add(sound, "[brake]", 'share = "0.2"', "count = 0"),
    'config/x.toml:22: brake.share: expected a number from 0 to 1, such as 0.2, without quotes, got "0.2"',
    "config/x.toml:23: brake.count: expected a whole number, 1 or more, without quotes, got 0"
  ],
  [
    "a count of halves",
    add(sound, "[brake]", "count = 2.5"),
    "config/x.toml:22: brake.count: expected a whole number, 1 or more, without quotes, got 2.5"
  ],
  [
    "an unknown key of the brake",
    add(sound, "[brake]", "counts = 5"),
    `config/x.toml:22: brake.counts: ${known} (did you mean count?), got counts`
  ],
  [
    "a key of the brake outside it",
    edit(interval, `${interval}\nshare = 0.5`),
    `config/x.toml:3: share: ${known} (it belongs in [brake]), got share`
  ],
  [
    "a brake that is no table",
    edit(interval, `${interval}\nbrake = 5`),
    "config/x.toml:3: brake: expected a table, begun with [brake], got a number"
  ],
  [
    "no rollout at all",
    edit(interval, `${interval}\nmax_active_rollouts = 0`),
    "config/x.toml:3: max_active_rollouts: expected a whole number, 1 or more, without quotes, got 0"
  ],

  [
    "a number for an address",
    edit(address, "8080"),
    `config/x.toml:1: server_listening_address: ${listen}, got 8080`
  ],
  [
    "an address without port",
    edit(address, '"127.0.0.1"'),
    `config/x.toml:1: server_listening_address: ${listen}, got "127.0.0.1"`
  ],
  [
    "a port above 65535",
    edit(address, '":65536"'),
    `config/x.toml:1: server_listening_address: ${listen}, got ":65536"`
  ],
  [
    "an address that is none",
    edit(address, '"300.0.0.1:80"'),
    `config/x.toml:1: server_listening_address: ${listen}, got "300.0.0.1:80"`
  ],
  [
    "a text for a switch",
    edit(interval, 'allow_unauthenticated = "true"'),
    'config/x.toml:2: allow_unauthenticated: expected true or false, without quotes, got "true"'
  ],
  [
    "a mode that there is not",
    edit(interval, 'mode = "dry-run"'),
    'config/x.toml:2: mode: expected "act" or "plan", got "dry-run"'
  ],
  [
    "a drift that there is not",
    edit(interval, "drift = true"),
    'config/x.toml:2: drift: expected "hold" or "restore", got true'
  ],

  [
    "a database that is no URL",
    edit('"postgresql://', '"mysql://'),
    `config/x.toml:4: database_url: ${postgres}, got a text ${hidden}`
  ],
  [
    "a list for a database",
    edit('"postgresql://user:password@db.example.com/registrywatcher"', '["postgresql://db/rw"]'),
    `config/x.toml:4: database_url: ${postgres}, got a list ${hidden}`
  ],
  [
    "a date for a login",
    edit(hub, `${hub}\nregistry_auth = 1979-05-27`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got a date ${hidden}`
  ],
  [
    "a table for a login",
    edit(hub, `${hub}\nregistry_auth = { user = "user" }`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got a table ${hidden}`
  ],
  [
    "a number for a login",
    edit(hub, `${hub}\nregistry_auth = 1`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got a number ${hidden}`
  ],
  [
    "a placeholder in a secret",
    edit(
      '"postgresql://user:password@db.example.com/registrywatcher"',
      '"postgresql://user:$YOUR_PASSWORD@db/rw"'
    ),
    `config/x.toml:4: database_url: ${postgres}, got the placeholder $YOUR_PASSWORD`
  ],
  [
    "a placeholder",
    edit(job, 'nomad_job_name = "$YOUR_JOB_HERE"'),
    "config/x.toml:20: repo_map.web.nomad_job_name: expected the ID of a Nomad job, without spaces, got the placeholder $YOUR_JOB_HERE"
  ],
  [
    "a placeholder in registry_auth",
    edit(hub, `${hub}\nregistry_auth = "$YOUR_AUTH_STRING_HERE"`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got the placeholder $YOUR_AUTH_STRING_HERE`
  ],
  [
    "a template that Nomad did not render",
    edit(hub, `${hub}\nregistry_auth = '{{ key "auth" }}'`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got the placeholder {{ … }}`
  ],
  [
    "a webhook that is no URL",
    edit(interval, 'webhook_url = "hooks.slack.com/T000"'),
    `config/x.toml:2: webhook_url: expected an http:// or https:// URL, got a text ${hidden}`
  ],

  [
    "watched_repositories left out",
    edit('watched_repositories = ["api", "web"]\n', ""),
    "config/x.toml:1: watched_repositories: expected a list of repository names, got nothing"
  ],
  [
    "one text for the list",
    edit('["api", "web"]', '"api web"'),
    'config/x.toml:3: watched_repositories: expected a list of repository names, got "api web"'
  ],
  [
    "a watched repository twice",
    edit('["api", "web"]', '[\n"api",\n"web",\n"api"\n]'),
    'config/x.toml:6: watched_repositories[2]: expected each repository once, got "api" again'
  ],
  [
    "a watched name with a host",
    edit('"web"]', '"web",\n"ghcr.io:443/web"]'),
    'config/x.toml:4: watched_repositories[2]: expected lower-case path components such as "api" or "team/api", got "ghcr.io:443/web"'
  ],
  [
    "a watched repository without table",
    edit('"web"]', '"web", "apis"]'),
    'config/x.toml:3: watched_repositories[2]: expected a repository that has a [repo_map.apis] (did you mean api?), got "apis"'
  ],
  [
    "a repository without registry",
    edit('registry_name = "ghcr"\n', ""),
    "config/x.toml:18: repo_map.web.registry_name: expected the name of a [registry_map.…], got nothing"
  ],
  [
    "a registry that there is not",
    edit('registry_name = "ghcr"', 'registry_name = "ghrc"'),
    'config/x.toml:19: repo_map.web.registry_name: expected the name of a [registry_map.…] (hub, ghcr), got "ghrc"'
  ],
  [
    "a repository without job",
    edit(`${job}\n`, ""),
    "config/x.toml:18: repo_map.web.nomad_job_name: expected the ID of a Nomad job, without spaces, got nothing"
  ],
  [
    "a job ID with a space",
    edit(job, 'nomad_job_name = "my web"'),
    'config/x.toml:20: repo_map.web.nomad_job_name: expected the ID of a Nomad job, without spaces, got "my web"'
  ],
  [
    "no task in a list of them",
    add(sound, "nomad_task_name = []"),
    "config/x.toml:21: repo_map.web.nomad_task_name: expected the name of a task, or a list of them, none twice, got []"
  ],
  [
    "a task twice",
    add(sound, 'nomad_task_name = ["a", "a"]'),
    'config/x.toml:21: repo_map.web.nomad_task_name: expected the name of a task, or a list of them, none twice, got ["a","a"]'
  ],
  [
    "a namespace for all",
    add(sound, 'nomad_namespace = "*"'),
    'config/x.toml:21: repo_map.web.nomad_namespace: expected a Nomad namespace: 1 to 128 letters, digits and hyphens, got "*"'
  ],
  [
    "a policy that there is not",
    add(sound, 'policy = "latest"'),
    'config/x.toml:21: repo_map.web.policy: expected "semver", got "latest"'
  ],
  [
    "an image name with its tag",
    add(sound, 'image_name = "ghcr.io/web:1"'),
    'config/x.toml:21: repo_map.web.image_name: expected an image name without tag, such as "registry.example.com/team/api", got "ghcr.io/web:1"'
  ],

  [
    "a domain with its scheme",
    edit(hub, 'registry_domain = "https://ghcr.io"'),
    `config/x.toml:7: registry_map.hub.registry_domain: ${host}, got "https://ghcr.io"`
  ],
  [
    "a domain with a path",
    edit(hub, 'registry_domain = "ghcr.io/team"'),
    `config/x.toml:7: registry_map.hub.registry_domain: ${host}, got "ghcr.io/team"`
  ],
  [
    "a domain that would be a path",
    edit(hub, 'registry_domain = "registry"'),
    `config/x.toml:7: registry_map.hub.registry_domain: ${host}, got "registry"`
  ],
  [
    "a port of a registry above 65535",
    edit(hub, 'registry_domain = "localhost:70000"'),
    `config/x.toml:7: registry_map.hub.registry_domain: ${host}, got "localhost:70000"`
  ],
  [
    "an address of a registry that is none",
    edit(hub, 'registry_domain = "300.0.0.1:5000"'),
    `config/x.toml:7: registry_map.hub.registry_domain: ${host}, got "300.0.0.1:5000"`
  ],
  [
    "port 0 of a registry",
    edit(hub, 'registry_domain = "localhost:0"'),
    `config/x.toml:7: registry_map.hub.registry_domain: ${host}, got "localhost:0"`
  ],
  [
    "a prefix in capitals",
    edit('registry_prefix = "team"', 'registry_prefix = "Team"'),
    'config/x.toml:8: registry_map.hub.registry_prefix: expected lower-case path components such as "team/backend", without / at the ends, got "Team"'
  ],
  [
    "a prefix that ends in /",
    edit('registry_prefix = "team"', 'registry_prefix = "team/"'),
    'config/x.toml:8: registry_map.hub.registry_prefix: expected lower-case path components such as "team/backend", without / at the ends, got "team/"'
  ],
  [
    "an image name above 255 characters",
    edit('registry_prefix = "team"', `registry_prefix = "${"a".repeat(242)}"`),
    `config/x.toml:14: repo_map.api.registry_name: expected an image name of 255 characters at most, got "docker.io/${"a".repeat(88)}…`
  ],
  [
    "a scheme that there is not",
    edit(hub, `${hub}\nregistry_scheme = "ftp"`),
    'config/x.toml:8: registry_map.hub.registry_scheme: expected "https" or "http", got "ftp"'
  ],
  [
    "a login that is not encoded",
    edit(hub, `${hub}\nregistry_auth = "user:password"`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got a text ${hidden}`
  ],
  [
    "a login with a space in its code",
    edit(hub, `${hub}\nregistry_auth = "dXNlcjpw YXNz"`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got a text ${hidden}`
  ],
  [
    "a login without password",
    edit(hub, `${hub}\nregistry_auth = "dXNlcjo="`),
    `config/x.toml:8: registry_map.hub.registry_auth: ${login}, got a text ${hidden}`
  ],
  [
    "a realm that is a URL",
    edit(hub, `${hub}\nauth_realms = ["https://auth.docker.io/token"]`),
    `config/x.toml:8: registry_map.hub.auth_realms[0]: ${host}, got "https://auth.docker.io/token"`
  ],
  [
    "a file that there is not",
    edit(hub, `${hub}\nca_file = "ca.pem"`),
    'config/x.toml:8: registry_map.hub.ca_file: expected a file that can be read, got "config/ca.pem", no such file'
  ],
  [
    "a CA file that is no PEM",
    edit(hub, `${hub}\nca_file = "/etc/hosts"`),
    'config/x.toml:8: registry_map.hub.ca_file: expected a PEM file with a CERTIFICATE, got "/etc/hosts" without one'
  ],
  [
    "a client certificate without key",
    edit(hub, `${hub}\nclient_cert_file = "/etc/cert.pem"`),
    "config/x.toml:8: registry_map.hub.client_cert_file: expected client_key_file beside it, got none"
  ],
  [
    "a client key without certificate",
    edit(hub, `${hub}\nclient_key_file = "/etc/key.pem"`),
    "config/x.toml:8: registry_map.hub.client_key_file: expected client_cert_file beside it, got none"
  ],
  [
    "a certificate for a key",
    edit(hub, `${hub}\nclient_cert_file = "/etc/cert.pem"\nclient_key_file = "/etc/cert.pem"`),
    'config/x.toml:9: registry_map.hub.client_key_file: expected a PEM file with a PRIVATE KEY, got "/etc/cert.pem" without one'
  ],
  [
    "TLS options on http",
    edit(hub, `${hub}\nregistry_scheme = "http"\ninsecure = true\nca_file = "/etc/cert.pem"`),
    'config/x.toml:9: registry_map.hub.insecure: expected registry_scheme = "https" beside it, got "http"',
    'config/x.toml:10: registry_map.hub.ca_file: expected registry_scheme = "https" beside it, got "http"'
  ],
  [
    "a proxy's login that is not encoded",
    edit(hub, `${hub}\nproxy = "http://user:100%@proxy:3128"`),
    `config/x.toml:8: registry_map.hub.proxy: expected an http:// or https:// URL without a path, such as http://proxy.example.com:3128, got a text ${hidden}`
  ],
  [
    "a proxy's password without user",
    edit(hub, `${hub}\nproxy = "http://:word@proxy:3128"`),
    `config/x.toml:8: registry_map.hub.proxy: expected an http:// or https:// URL without a path, such as http://proxy.example.com:3128, got a text ${hidden}`
  ],
  [
    "a proxy with a path",
    edit(hub, `${hub}\nproxy = "http://proxy/x"`),
    `config/x.toml:8: registry_map.hub.proxy: expected an http:// or https:// URL without a path, such as http://proxy.example.com:3128, got a text ${hidden}`
  ],

  [
    "two repositories on one task (S22)",
    add(sound.replace(job, 'nomad_job_name = "api"'), 'nomad_task_name = ["web", "server"]'),
    `config/x.toml:21: repo_map.web.nomad_task_name: ${shared} (repo_map.api.nomad_task_name at config/x.toml:16 has them), got task "server" of job "api" in namespace "default"`
  ],
  [
    "a task by name and by its image (S22)",
    add(sound.replace(job, 'nomad_job_name = "api"'), 'image_name = "docker.io/team/api"'),
    `config/x.toml:20: repo_map.web.nomad_job_name: ${shared} (repo_map.api.nomad_task_name at config/x.toml:16 has them), got every task that runs docker.io/team/api of job "api" in namespace "default"`
  ],
  [
    "problems of all parts at once, in the order of their lines",
    edit(interval, "poll_interval = 1").replace(job, "").replace(hub, ""),
    `config/x.toml:2: poll_interval: ${duration}, got 1`,
    `config/x.toml:6: registry_map.hub.registry_domain: ${host}, got nothing`,
    "config/x.toml:18: repo_map.web.nomad_job_name: expected the ID of a Nomad job, without spaces, got nothing"
  ]
]

const files = {
  "/etc/hosts": "127.0.0.1 localhost\n",
  "/etc/cert.pem": pem("CERTIFICATE"),
  "/etc/key.pem": pem("EC PRIVATE KEY")
}

describe("badinput: S18, the configuration", () => {
  it.effect.each(rows)("refuses %s", ([, toml, ...printed]) =>
    load(toml, {}, files).pipe(
      Effect.flip,
      Effect.map((error) => assert.deepStrictEqual(error.message.split("\n"), printed))
    )
  )
})

it.effect("badinput: refuses a file that there is not, and names the template", () =>
  loadConfig("config/y.toml", {}).pipe(
    Effect.provide(filesOf({})),
    Effect.flip,
    Effect.map(({ message }) =>
      assert.strictEqual(
        message,
        "config/y.toml: expected a configuration that can be read (config/sample.toml is a template), got no such file"
      )
    )
  )
)
