import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { refuseOpenListener } from "../../src/config/loadConfig.ts"
import { load, pem, sound } from "./load.ts"

const base64 = (text: string) => Buffer.from(text).toString("base64")
const registry = (...lines: ReadonlyArray<string>) =>
  load(
    `watched_repositories = []\n[registry_map.one]\n${lines.join("\n")}`,
    {},
    {
      "config/ca.pem": pem("CERTIFICATE"),
      "/etc/client.pem": pem("CERTIFICATE"),
      "config/tls/client-key.pem": pem("RSA PRIVATE KEY")
    }
  ).pipe(Effect.map(({ registries, warnings }) => ({ endpoint: registries.get("one"), warnings })))
/** The only repository of a configuration: its name, its registry's lines and its own. */
const repository = (name: string, registryLines: string, ...lines: ReadonlyArray<string>) =>
  load(
    `watched_repositories = ["${name}"]\n[registry_map.one]\n${registryLines}\n[repo_map."${name}"]\nregistry_name = "one"\nnomad_job_name = "job"\n${lines.join("\n")}`
  ).pipe(Effect.map(({ watched }) => watched[0]))

const fingerprint = (toml: string) =>
  load(toml).pipe(Effect.map(({ watched }) => watched.find(({ name }) => name === "web")?.fingerprint))

describe("loadConfig", () => {
  it.effect("fills in what a careful operator would choose", () =>
    Effect.gen(function* () {
      const config = yield* load("watched_repositories = []")
      assert.deepStrictEqual(config.listen, { host: "127.0.0.1", port: 8080 })
      assert.deepStrictEqual(Duration.toSeconds(config.pollInterval), 59)
      assert.isFalse(config.allowUnauthenticated)
      assert.strictEqual(config.database, "embedded")
      assert.isTrue(config.createDatabaseSchema)
      assert.isUndefined(config.webhookUrl)
      assert.deepStrictEqual(config.brake, { share: 0.2, count: 5 })
      assert.isUndefined(config.maxActiveRollouts)
      assert.deepStrictEqual(config.warnings, [])
      const watched = yield* repository("api", 'registry_domain = "ghcr.io"')
      assert.deepInclude(watched, { drift: "hold", batch: "hold", mode: "act", image: "api" })
      assert.deepInclude(watched, { canary: "manual", canarySoak: Duration.minutes(1) })
      assert.deepInclude(watched?.mapping, { group: undefined, tasks: [], imageForm: "digest" })
    })
  )

  it.effect("takes who promotes canaries, and after how long; a soak that nothing goes by is told", () =>
    Effect.gen(function* () {
      const lines = ['canary = "healthy"', 'canary_soak = "5m"']
      const watched = yield* repository("api", 'registry_domain = "ghcr.io"', ...lines)
      assert.deepInclude(watched, { canary: "healthy", canarySoak: Duration.minutes(5) })
      const none = yield* repository("api", 'registry_domain = "ghcr.io"', 'canary_soak = "0s"')
      assert.deepInclude(none, { canary: "manual", canarySoak: Duration.zero })
      const { warnings } = yield* load(sound + '\ncanary_soak = "5m"\n')
      assert.lengthOf(warnings, 1)
      assert.include(String(warnings[0]), 'a person promotes the canaries; canary = "healthy" goes by it')
    })
  )

  it.effect("starts with the predecessor's sample, and says what is no longer needed", () =>
    Effect.gen(function* () {
      const config = yield* load(`server_listening_address = "0.0.0.0:8080"
poll_interval = "59s"
watched_repositories = [
    "registrywatcher"
]
webhook_url = "$YOUR_SLACK_URL_HERE"
database_url = "postgresql://registry-watcher:registry-watcher@localhost:5432/registry-watcher?sslmode=disable"
create_database_schema = true
dockerhub_url = "https://hub.docker.com"
dockerhub_namespace = "namespace"
dockerhub_username = "user"
dockerhub_secret = "secret"
is_test = false
allow_unauthenticated = true
[registry_map.dockerhub]
registry_scheme = "https"
registry_domain = "registry-1.docker.io"
registry_prefix = "some_prefix"
registry_auth = "${base64("user:password")}"
[repo_map.registrywatcher]
registry_name = "dockerhub"
nomad_job_name = "registrywatcher"
nomad_task_name = "registrywatcher"
test = "test"
`)
      assert.deepInclude(config.listen, { host: "0.0.0.0", port: 8080 })
      assert.isUndefined(config.webhookUrl)
      assert.strictEqual(config.registries.get("dockerhub")?.origin.href, "https://registry-1.docker.io/")
      const [watched] = config.watched
      assert.deepInclude(watched, { registry: "dockerhub", image: "some_prefix/registrywatcher" })
      assert.deepInclude(watched?.mapping, {
        tasks: ["registrywatcher"],
        imageNames: ["docker.io/some_prefix/registrywatcher"]
      })
      assert.deepStrictEqual(config.warnings, [
        ...["dockerhub_url", "dockerhub_namespace", "dockerhub_username", "dockerhub_secret", "is_test"].map(
          (key, index) => `config/x.toml:${index + 9}: ${key}: no longer needed, and without effect`
        ),
        "config/x.toml:6: webhook_url: off, because of the placeholder $YOUR_SLACK_URL_HERE",
        "config/x.toml:24: repo_map.registrywatcher.test: no longer needed, and without effect"
      ])
      yield* refuseOpenListener(config, false)
    })
  )

  it.effect.each([
    ["0.0.0.0:8080", "0.0.0.0", 8080],
    [":8080", "0.0.0.0", 8080],
    ["[::1]:80", "::1", 80],
    ["[::]:0", "::", 0],
    ["localhost:65535", "localhost", 65_535],
    ["web-1.example.com:8080", "web-1.example.com", 8080]
  ] as const)("listens on %s", ([address, host, port]) =>
    load(`watched_repositories = []\nserver_listening_address = "${address}"`).pipe(
      Effect.map(({ listen }) => assert.deepInclude(listen, { host, port }))
    )
  )

  it.effect.each([
    ["1s", 1_000],
    ["59s", 59_000],
    ["1m30s", 90_000],
    ["1500ms", 1_500],
    ["1.5h", 5_400_000],
    ["0.5m31s", 61_000],
    ["24h", 86_400_000],
    ["1s1000000000ns", 2_000]
  ] as const)("reads the interval %s as Go does", ([text, millis]) =>
    load(`watched_repositories = []\npoll_interval = "${text}"`).pipe(
      Effect.map(({ pollInterval }) => assert.strictEqual(Duration.toMillis(pollInterval), millis))
    )
  )

  it.effect("reads the brake, and how many rollouts there may be, from the environment too", () =>
    Effect.gen(function* () {
      const toml = "watched_repositories = []\n[brake]\nshare = 1\ncount = 12\n"
      const config = yield* load(toml, { REGISTRYWATCHER_MAX_ACTIVE_ROLLOUTS: "20" })
      assert.deepStrictEqual(config.brake, { share: 1, count: 12 })
      assert.strictEqual(config.maxActiveRollouts, 20)
    })
  )

  it.effect.each([
    ["user:password", "user", "password"],
    ["user:pass:word", "user", "pass:word"],
    ["user:password\n", "user", "password"],
    ["$oauthtoken:p äss", "$oauthtoken", "p äss"]
  ] as const)("decodes the login %j", ([login, user, password]) =>
    registry('registry_domain = "ghcr.io"', `registry_auth = "${base64(login)}"`).pipe(
      Effect.map(({ endpoint }) => {
        assert.strictEqual(endpoint?.credentials?.user, user)
        assert.strictEqual(Redacted.value(endpoint?.credentials?.password ?? Redacted.make("")), password)
      })
    )
  )

  it.effect("is anonymous without a login, or with an empty one", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* registry('registry_domain = "ghcr.io"')).endpoint?.credentials)
      const { endpoint } = yield* registry('registry_domain = "ghcr.io"', 'registry_auth = ""')
      assert.isUndefined(endpoint?.credentials)
    })
  )

  it.effect("X16: reads the files of a registry, relative to its own", () =>
    Effect.gen(function* () {
      const { endpoint, warnings } = yield* registry(
        'registry_domain = "registry.example.com:5000"',
        'ca_file = "ca.pem"',
        'client_cert_file = "/etc/client.pem"',
        'client_key_file = "tls/client-key.pem"',
        'auth_realms = ["auth.example.com", "[::1]:5001"]',
        'proxy = "http://me:hunt%40r@proxy.example.com:3128"',
        "insecure = true"
      )
      assert.strictEqual(endpoint?.origin.href, "https://registry.example.com:5000/")
      assert.strictEqual(endpoint?.ca, pem("CERTIFICATE"))
      assert.strictEqual(endpoint?.clientCertificate?.cert, pem("CERTIFICATE"))
      const { key = Redacted.make("") } = endpoint?.clientCertificate ?? {}
      assert.strictEqual(Redacted.value(key), pem("RSA PRIVATE KEY"))
      assert.deepStrictEqual(endpoint?.authRealms, ["auth.example.com", "[::1]:5001"])
      assert.isTrue(endpoint?.insecure)
      assert.deepStrictEqual(warnings, [
        "config/x.toml:9: registry_map.one.insecure: the certificate of this registry is not verified"
      ])
      assert.strictEqual(endpoint?.proxy?.origin.href, "http://proxy.example.com:3128/")
      assert.strictEqual(endpoint?.proxy?.credentials?.user, "me")
      const { password = Redacted.make("") } = endpoint?.proxy?.credentials ?? {}
      assert.strictEqual(Redacted.value(password), "hunt@r")
    })
  )

  it.effect("says nothing of http without a login", () =>
    registry('registry_domain = "localhost:5000"', 'registry_scheme = "http"').pipe(
      Effect.map(({ warnings }) => assert.deepStrictEqual(warnings, []))
    )
  )

  it.effect("says that a login goes over http in clear text", () =>
    registry(
      'registry_domain = "localhost:5000"',
      'registry_scheme = "http"',
      `registry_auth = "${base64("u:p")}"`
    ).pipe(
      Effect.map(({ endpoint, warnings }) => {
        assert.strictEqual(endpoint?.origin.href, "http://localhost:5000/")
        assert.deepStrictEqual(warnings, [
          "config/x.toml:5: registry_map.one.registry_auth: is sent in clear text, over http"
        ])
      })
    )
  )

  it.effect.each([
    ["ghcr.io", "team", "api", "team/api", "ghcr.io/team/api"],
    ["docker.io", "team", "api", "team/api", "docker.io/team/api"],
    ["index.docker.io", "", "redis", "library/redis", "docker.io/redis"],
    ["localhost:5000", "a/b", "c/d", "a/b/c/d", "localhost:5000/a/b/c/d"]
  ] as const)("knows the image on %s under %j of %s", ([domain, prefix, name, image, written]) =>
    repository(name, `registry_domain = "${domain}"\nregistry_prefix = "${prefix}"`).pipe(
      Effect.map((watched) => {
        assert.strictEqual(watched?.image, image)
        assert.deepStrictEqual(watched?.mapping.imageNames, [written])
      })
    )
  )

  it.effect("takes each key of a repository", () =>
    repository(
      "team/api",
      'registry_domain = "ghcr.io"',
      'nomad_task_name = ["server", "worker"]',
      'nomad_namespace = "prod"',
      'nomad_region = "eu"',
      'nomad_group_name = "web"',
      'image_name = "mirror.example.com/team/api"',
      'image_form = "tag"',
      'drift = "restore"',
      'batch = "rerun"',
      'policy = "semver"'
    ).pipe(
      Effect.map((watched) => {
        assert.deepStrictEqual(watched?.mapping, {
          job: { region: "eu", namespace: "prod", job: "job" },
          group: "web",
          tasks: ["server", "worker"],
          imageNames: ["ghcr.io/team/api", "mirror.example.com/team/api"],
          imageForm: "tag"
        })
        assert.deepInclude(watched, { drift: "restore", batch: "rerun" })
      })
    )
  )

  it.effect("S17: another registry or mapping is another fingerprint, another interval is not", () =>
    Effect.gen(function* () {
      const before = yield* fingerprint(sound)
      assert.match(before ?? "", /^[0-9a-f]{64}$/)
      assert.strictEqual(yield* fingerprint(sound.replace("59s", "30s")), before)
      assert.notStrictEqual(yield* fingerprint(sound.replace("ghcr.io", "quay.io")), before)
      assert.notStrictEqual(yield* fingerprint(`${sound}nomad_group_name = "a"`), before)
    })
  )

  it.effect("lets what the file says of all be said again of one", () =>
    Effect.gen(function* () {
      const { watched } = yield* load(`mode = "plan"\ndrift = "restore"\n${sound}drift = "hold"`)
      assert.deepStrictEqual(
        watched.map(({ name, drift, mode }) => ({ name: String(name), drift, mode })),
        [
          { name: "api", drift: "restore", mode: "plan" },
          { name: "web", drift: "hold", mode: "plan" }
        ]
      )
    })
  )

  it.effect("S22: takes two repositories on two tasks of one job", () =>
    load(`${sound.replace('"web"\n', '"api"\n')}nomad_task_name = "sidecar"`).pipe(
      Effect.map(({ watched }) =>
        assert.deepStrictEqual(
          watched.map(({ mapping: { job, tasks } }) => [job.job, ...tasks]),
          [
            ["api", "server"],
            ["api", "sidecar"]
          ]
        )
      )
    )
  )

  it.effect("names a repository that nobody watches, and does not take it", () =>
    load(sound.replace('["api", "web"]', '["api"]')).pipe(
      Effect.map(({ watched, warnings }) => {
        assert.deepStrictEqual(
          watched.map(({ name }) => String(name)),
          ["api"]
        )
        assert.deepStrictEqual(warnings, [
          "config/x.toml:18: repo_map.web: not watched, as watched_repositories does not name it"
        ])
      })
    )
  )

  it.effect("lets the environment win over the file, even over a placeholder", () =>
    Effect.gen(function* () {
      const toml = sound.replace(/postgresql:[^"]*/, "$YOUR_DATABASE").replace("59s", "59")
      const config = yield* load(toml, {
        DATABASE_URL: "postgresql://db/one",
        REGISTRYWATCHER_POLL_INTERVAL: "30s",
        REGISTRYWATCHER_SERVER_LISTENING_ADDRESS: ":9090",
        REGISTRYWATCHER_WATCHED_REPOSITORIES: "web",
        REGISTRYWATCHER_MODE: "plan",
        REGISTRYWATCHER_ALLOW_UNAUTHENTICATED: "true",
        REGISTRYWATCHER_DRIFT: "",
        REGISTRYWATCHER_CONFIG: "config/x.toml",
        REGISTRYWATCHER_POLL_INTERVALL: "1s"
      })
      assert.strictEqual(Duration.toSeconds(config.pollInterval), 30)
      assert.deepInclude(config.listen, { port: 9090 })
      assert.isTrue(config.allowUnauthenticated)
      assert.deepStrictEqual(
        config.watched.map(({ name, mode, drift }) => ({ name: String(name), mode, drift })),
        [{ name: "web", mode: "plan", drift: "hold" }]
      )
      const { database } = config
      assert.strictEqual(database === "embedded" ? database : Redacted.value(database), "postgresql://db/one")
      assert.include(
        config.warnings,
        "REGISTRYWATCHER_POLL_INTERVALL: no setting of this name; did you mean REGISTRYWATCHER_POLL_INTERVAL?"
      )
    })
  )

  it.effect("has the embedded database where the file says so, and nothing says otherwise", () =>
    Effect.gen(function* () {
      const toml = 'watched_repositories = []\ndatabase_url = "embedded"'
      assert.strictEqual((yield* load(toml)).database, "embedded")
      const given = yield* load(toml, {
        REGISTRYWATCHER_DATABASE_URL: "postgres://a/b",
        DATABASE_URL: "postgres://c/d"
      })
      assert.strictEqual(
        given.database === "embedded" ? "" : Redacted.value(given.database),
        "postgres://a/b"
      )
      assert.notStrictEqual(
        (yield* load(toml, { DATABASE_URL: "postgres://c/d", NOMAD_ALLOC_ID: "f0" })).database,
        "embedded"
      )
    })
  )
})

describe("refuseOpenListener", () => {
  it.effect.each([
    ["X7: refuses an open address without tokens", "0.0.0.0:8080", "", false, true],
    ["X7: refuses a named address without tokens", "web.example.com:8080", "", false, true],
    ["X7: accepts it once a token exists", "0.0.0.0:8080", "", true, false],
    [
      "X7: accepts it if the file says that it is meant",
      "0.0.0.0:8080",
      "allow_unauthenticated = true",
      false,
      false
    ],
    ["X7: accepts 127.0.0.1", "127.0.0.1:8080", "", false, false],
    ["X7: accepts ::1", "[::1]:8080", "", false, false],
    ["X7: accepts localhost", "localhost:8080", "", false, false],
    ["X7: refuses a host that only begins like 127.0.0.1", "127.0.0.1.example.com:8080", "", false, true]
  ] as const)("%s", ([, address, line, tokensExist, refused]) =>
    Effect.gen(function* () {
      const config = yield* load(
        `watched_repositories = []\n${line}\nserver_listening_address = "${address}"`
      )
      const words = yield* refuseOpenListener(config, tokensExist).pipe(
        Effect.match({ onSuccess: () => "", onFailure: ({ message }) => message })
      )
      const expected = /^config\/x\.toml:3: server_listening_address: .*allow_unauthenticated = true/
      assert.match(words, refused ? expected : /^$/)
    })
  )
})
