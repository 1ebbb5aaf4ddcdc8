import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Config } from "../../src/config/Config.ts"
import { refuseOpenListener } from "../../src/config/loadConfig.ts"
import { sound } from "../config/load.ts"
import { commandLine } from "./commandLine.ts"

const files = {
  "config/staging.toml": sound,
  "a.toml": sound,
  "b.toml": sound,
  "open.toml": sound.replace("127.0.0.1", "")
}

/** The exit code, and the files that `start` gave to a service that ends at once. */
const served = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  environment: Record<string, string> = {}
) {
  const configs: Array<Config> = []
  const serve = (config: Config) => Effect.sync(() => void configs.push(config))
  const { exitCode } = yield* commandLine(args, { files, environment, serve })
  return [exitCode, ...configs.map(({ file }) => file)]
})

/** A start that must not come to the service. */
const refusing = (text: string) =>
  commandLine([], {
    files: { "config/staging.toml": text },
    serve: () => Effect.die(new Error("started"))
  })

describe("start", () => {
  it.effect("is what runs where no command is given", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* served([]), [0, "config/staging.toml"])
      assert.deepStrictEqual(yield* served(["start"]), [0, "config/staging.toml"])
    })
  )

  it.effect("takes --config over REGISTRYWATCHER_CONFIG, and that over config/staging.toml", () =>
    Effect.gen(function* () {
      const environment = { REGISTRYWATCHER_CONFIG: "b.toml" }
      assert.deepStrictEqual(yield* served(["--config", "a.toml"], environment), [0, "a.toml"])
      assert.deepStrictEqual(yield* served(["start", "--config=a.toml"], environment), [0, "a.toml"])
      assert.deepStrictEqual(yield* served(["start"], environment), [0, "b.toml"])
    })
  )

  it.effect("S18: never reaches the service with a configuration that is wrong", () =>
    Effect.gen(function* () {
      const wrong = yield* refusing(sound.replace('"59s"', "59"))
      assert.deepInclude(wrong, { exitCode: 78, out: "" })
      assert.match(wrong.err, /^config\/staging\.toml:2: poll_interval: expected .*, got 59$/)
      // Every value can be read, and one key means nothing.
      const unknown = yield* refusing(`poll_intervall = "1s"\n${sound}`)
      assert.deepInclude(unknown, { exitCode: 78, out: "" })
      assert.match(unknown.err, /^config\/staging\.toml:1: poll_intervall: /)
    })
  )

  it.effect("X7: prints a refusal of the service, and ends with 78", () =>
    Effect.gen(function* () {
      const { exitCode, err } = yield* commandLine(["--config", "open.toml"], {
        files,
        serve: (config) => refuseOpenListener(config, false)
      })
      assert.strictEqual(exitCode, 78)
      assert.match(err, /^open\.toml:1: server_listening_address: .*allow_unauthenticated = true/)
    })
  )

  it.effect.each([1, 78] as const)(
    "prints what stopped the service in its own words, and ends with %i",
    (exitCode) =>
      Effect.gen(function* () {
        const message = "Postgres is version 13, and 14 or later is needed"
        const serve = () => Effect.fail({ message, exitCode })
        assert.deepStrictEqual(yield* commandLine([], { files, serve }), { exitCode, out: "", err: message })
      })
  )
})

const check = (toml: string, environment: Record<string, string> = {}) =>
  commandLine(["check-config", "--config", "x.toml"], { files: { "x.toml": toml }, environment })

describe("check-config", () => {
  it.effect("says that nothing is wrong, and of what", () =>
    check(sound).pipe(
      Effect.map((printed) =>
        assert.deepStrictEqual(printed, {
          exitCode: 0,
          out: "x.toml: nothing wrong; 2 repositories watched, 2 registries",
          err: ""
        })
      )
    )
  )

  it.effect("prints the warnings, the one of an open listener among them", () =>
    check(`is_test = true\n${sound.replace("127.0.0.1", "0.0.0.0")}`).pipe(
      Effect.map(({ exitCode, err }) => {
        assert.strictEqual(exitCode, 0)
        const [one, other, ...more] = err.split("\n")
        assert.strictEqual(one, "warning: x.toml:1: is_test: no longer needed, and without effect")
        assert.match(other ?? "", /^warning: x\.toml:2: server_listening_address: .* no token exists$/)
        assert.deepStrictEqual(more, [])
      })
    )
  )

  it.effect("prints every problem, and ends with 78", () =>
    check(sound.replace('"59s"', "59").replace('"hub"', '"hab"')).pipe(
      Effect.map(({ exitCode, out, err }) => {
        assert.strictEqual(exitCode, 78)
        assert.strictEqual(out, "")
        assert.match(err, /^x\.toml:2: poll_interval: .*\nx\.toml:14: repo_map\.api\.registry_name: .*"hab"$/)
      })
    )
  )

  it.effect("refuses a database URL that the store could not read, by its line or variable", () =>
    Effect.gen(function* () {
      const inFile = yield* check(sound.replace("@db.example.com", "@one,two"))
      assert.strictEqual(inFile.exitCode, 78)
      assert.match(
        inFile.err,
        /^x\.toml:4: database_url: expected a URL as libpq takes it, got .*several hosts/
      )
      const inVariable = yield* check(sound, {
        REGISTRYWATCHER_LEADER_DATABASE_URL: "postgres://u:hunter2@db/x?sslmode=bogus"
      })
      assert.strictEqual(inVariable.exitCode, 78)
      assert.match(inVariable.err, /^REGISTRYWATCHER_LEADER_DATABASE_URL: leader_database_url: .*sslmode/)
      assert.notInclude(inVariable.err, "hunter2")
    })
  )
})

describe("the command line", () => {
  it.effect("names its version", () =>
    commandLine(["--version"], {}).pipe(
      Effect.map(({ exitCode, out }) => {
        assert.strictEqual(exitCode, 0)
        assert.include(out, "1.2.3")
      })
    )
  )

  it.effect("has its commands and exit codes in the help", () =>
    commandLine(["--help"], {}).pipe(
      Effect.map(({ exitCode, out }) => {
        assert.strictEqual(exitCode, 0)
        for (const word of [
          "start",
          "check-config",
          "doctor",
          "plan",
          "token",
          "--config",
          "0    done",
          "1    failed",
          "78 ",
          "130 "
        ]) {
          assert.include(out, word)
        }
      })
    )
  )

  it.effect.each(["start", "check-config", "doctor", "plan", "token create", "token list", "token revoke"])(
    "has an example of %s in its help",
    (name) =>
      commandLine([...name.split(" "), "--help"], {}).pipe(
        Effect.map(({ exitCode, out }) => {
          assert.strictEqual(exitCode, 0)
          assert.match(out, new RegExp(`EXAMPLES[^]*registrywatcher ${name}`))
        })
      )
  )

  it.effect.each([
    [["chek-config"], "check-config"],
    [["check-config", "--confg", "x"], "--confg"],
    [["token", "create", "ci"], "role"],
    [["token", "create", "ci", "--role", "root"], "operate"]
  ] as const)("ends with 1 for %j, and says why on stderr", ([args, word]) =>
    commandLine(args, { files }).pipe(
      Effect.map(({ exitCode, err }) => {
        assert.strictEqual(exitCode, 1)
        assert.include(err, word)
      })
    )
  )
})

describe("plan", () => {
  it.effect.each([
    ["nope", /^"nope": not in watched_repositories of config\/staging\.toml; it watches .+$/],
    ["", /^"": not in watched_repositories of config\/staging\.toml; it watches .+$/]
  ] as const)("refuses %j by name before it opens a database, and says what is watched", ([name, words]) =>
    Effect.gen(function* () {
      // Whatever it plans with is a defect here.
      const { exitCode, out, err } = yield* commandLine(["plan", name], { files })
      assert.deepStrictEqual({ exitCode, out }, { exitCode: 1, out: "" })
      assert.match(err, words)
    })
  )
})
