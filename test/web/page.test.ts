import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { mkdirSync } from "node:fs"
import type { Page } from "playwright-core"
import { afterAll } from "vitest"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { closeBrowser, noChromium, openTab, type Tab } from "../real/chromium.ts"
import { noPostgres } from "../real/postgres.ts"
import { request } from "../server/rig.ts"
import { call } from "../server/v1.ts"
import { list, runs } from "../server/world.ts"
import { target } from "../store/rows.ts"
import {
  awaitsPromotion,
  canary,
  fill,
  named,
  refuses,
  repositories,
  served,
  triedBefore,
  world
} from "./lively.ts"

const looking = <A, E, R>(
  test: (tab: Tab, origin: string) => Effect.Effect<A, E, R>,
  { expects, ...options }: Parameters<typeof openTab>[1] & { readonly expects?: RegExp } = {}
) =>
  Effect.gen(function* () {
    yield* fill
    const origin = yield* served
    const tab = yield* openTab(origin, options)
    yield* test(tab, origin)
    // A browser's console tells of each answer that is an error.
    assert.deepStrictEqual(
      tab.errors.filter((text) => expects?.test(text) !== true),
      []
    )
  }).pipe(Effect.provide(world), Effect.scoped)

/** What a person does and sees; each step waits for the page. */
const person = <A>(step: () => Promise<A>) => Effect.promise(step)

const row = (page: Page, name: string) => page.locator(`li[data-name="${name}"]`)
const open = (page: Page, name: string) => person(() => row(page, name).locator("summary").click())
const message = (page: Page) => page.locator("#message p")

/** Requests by this method that the server has answered. */
const answered = (origin: string, method: string, headers: Record<string, string> = {}) =>
  Effect.map(request(`${origin}/metrics`, { headers }), ({ text }) =>
    [...text.matchAll(/^registrywatcher_http_requests_total\{(.*)\} (\d+)/gm)]
      .filter(([, labels]) => labels?.includes(`method="${method}"`))
      .reduce((sum, [, , count]) => sum + Number(count), 0)
  )

afterAll(closeBrowser)

describe.skipIf(noPostgres || noChromium)("the page, in a real Chromium", () => {
  it.live("shows every repository, what needs a person first, and why", () =>
    looking(({ page }) =>
      person(async () => {
        await row(page, "api").waitFor()
        const names = await page
          .locator("#rows > li")
          .evaluateAll((rows) => rows.map(({ dataset }) => dataset["name"]))
        assert.sameMembers(
          names,
          repositories.map(({ name }) => name as string)
        )
        const groups = await page
          .locator("#rows > li")
          .evaluateAll((rows) => rows.map(({ dataset }) => dataset["group"]))
        assert.deepStrictEqual(
          groups,
          groups.toSorted((a, b) => order.indexOf(a ?? "") - order.indexOf(b ?? ""))
        )
        const worker = row(page, "billing/worker")
        assert.match(await worker.locator(".badge").innerText(), /Waiting\s+auto-deploy off/)
        assert.include(await worker.locator(".runs").innerText(), "v3.1.0")
        assert.include(
          await worker.locator(".why").innerText(),
          "v3.2.0 is wanted but not deployed: auto_deploy is off"
        )
        assert.include(await worker.locator(".since").innerText(), "14 h")
        assert.match(await page.locator("#brake").innerText(), /The brake is on.*2 moves/)
        assert.deepStrictEqual(await page.locator("#moves strong").allInnerTexts(), [
          "billing/worker",
          "reports-with-a-rather-long-name/of-several/components"
        ])
        assert.deepStrictEqual(
          await page.evaluate(
            "import('/web/words.js').then(({ byName }) => ['api-10', 'api-2', 'api'].toSorted(byName))"
          ),
          ["api", "api-2", "api-10"]
        )
      })
    )
  )

  it.live("L8: what changes is seen without a reload: a decision, an order, a release of the brake", () =>
    looking(({ page }, origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        yield* person(() => row(page, "api").waitFor())
        yield* person(() => page.evaluate(() => Object.assign(globalThis, { loaded: true })))
        yield* list(["v1.4.2", "v1.5.0"], null, named("api"))
        yield* runs("v1.5.0", named("api"))
        yield* store.saveDecision(named("api"), { _tag: "Follow", words: "v1.5.0: 1 of 2" })
        yield* person(() => row(page, "api").locator(".badge", { hasText: "Rolling out" }).waitFor())
        yield* person(() => row(page, "api").locator(".runs", { hasText: "v1.5.0" }).waitFor())
        yield* call(origin, "PATCH ledger", { auto_deploy: false })
        yield* person(() => row(page, "ledger").locator(".notes", { hasText: "auto-deploy off" }).waitFor())
        const { pool } = yield* Database
        yield* pool.unsafe(
          "update checked set checked_at = now() - interval '3 hours' where repository = 'web'"
        )
        const silent = row(page, "web").locator(".stale", { hasText: "registry not read for 3 h" })
        yield* person(() => silent.waitFor())
        assert.strictEqual(yield* person(() => row(page, "api").locator(".stale").innerText()), "")
        const filter = page.getByLabel("Filter by name, tag or reason")
        yield* person(() => filter.fill("not read for"))
        yield* person(() => row(page, "api").waitFor({ state: "hidden" }))
        assert.isTrue(yield* person(() => row(page, "web").isVisible()))
        yield* person(() => filter.fill(""))
        yield* call(origin, "POST /v1/brake/release", { id: 1 })
        yield* person(() => page.locator("#brake").waitFor({ state: "hidden" }))
        assert.isTrue(yield* person(() => page.evaluate(() => "loaded" in globalThis)))
      })
    )
  )

  it.live(
    "a double click on pin is one request, however fast its answer is, and so are clicks before the answer",
    () =>
      looking(({ page }, origin) =>
        Effect.gen(function* () {
          yield* open(page, "api")
          const before = yield* answered(origin, "PATCH")
          yield* person(async () => {
            const pin = row(page, "api").getByRole("button", { name: "Pin and deploy" })
            await row(page, "api").locator("option", { hasText: "v0.1.0" }).waitFor({ state: "attached" })
            await row(page, "api").getByLabel("Tag to pin").selectOption("v0.1.0")
            const { x = 0, y = 0, width = 0, height = 0 } = (await pin.boundingBox()) ?? {}
            const at = [x + width / 2, y + height / 2] as const
            await page.mouse.dblclick(...at)
            await message(page).waitFor()
            // The second click of a slow hand, when all can be ordered again.
            await pin.and(page.locator(":enabled")).waitFor()
            assert.match(
              await message(page).innerText(),
              /Ordered: api is pinned to v0.1.0: it is deployed now/
            )
            await page.mouse.down({ clickCount: 2 })
            await page.mouse.up({ clickCount: 2 })
            // Had that been an order, this button would wait for its answer.
            await row(page, "api").getByRole("button", { name: "Check now" }).click()
            await message(page).filter({ hasText: "api is checked now" }).waitFor()
          })
          yield* person(() => row(page, "api").locator(".wanted", { hasText: "pinned to v0.1.0" }).waitFor())
          const store = yield* StateStore
          const stands = yield* store.desired(named("api"))
          assert.strictEqual(stands.pinnedTag, "v0.1.0")
          assert.strictEqual(yield* answered(origin, "PATCH"), before + 1)
          // As a key that is held, or a hand that shakes: clicks that are no double click, before the answer.
          yield* person(async () => {
            const auto = row(page, "api").getByRole("button", { name: "Switch auto-deploy off" })
            await auto.and(page.locator(":enabled")).waitFor()
            await auto.evaluate((button: { click(): void }) => (button.click(), button.click()))
            await message(page).filter({ hasText: "auto_deploy of api is off" }).waitFor()
            await row(page, "api").getByRole("button", { name: "Check now" }).click()
            await message(page).filter({ hasText: "api is checked now" }).waitFor()
          })
          assert.strictEqual(yield* answered(origin, "PATCH"), before + 2)
        })
      )
  )

  it.live("S14: one who was slower is told who was faster, sees that, and can order then", () =>
    looking(({ page, errors }, origin) =>
      Effect.gen(function* () {
        yield* open(page, "web")
        const auto = row(page, "web").getByRole("button", { name: "Switch auto-deploy off" })
        yield* person(() => auto.waitFor())
        // The news of it does not reach the page before the click.
        yield* person(() =>
          page.route("**/v1/repositories/web", async (route) => {
            if (route.request().method() === "PATCH") {
              await Effect.runPromise(call(origin, "POST web/hold", { why: "the fair is on" }))
            }
            await route.continue()
          })
        )
        yield* person(() => auto.click())
        yield* person(() => message(page).filter({ hasText: "Not done" }).waitFor())
        assert.match(
          yield* person(() => message(page).innerText()),
          /it was changed meanwhile: web is at generation "3", changed by anonymous/
        )
        // With the answer, and not only when the stream tells of it.
        const notes = yield* person(() => row(page, "web").locator(".notes").innerText())
        assert.include(notes, "held by anonymous")
        yield* person(() => page.unrouteAll())
        yield* person(() => auto.click())
        yield* person(() => row(page, "web").locator(".notes", { hasText: "auto-deploy off" }).waitFor())
        // A browser's console tells of each answer that is 412.
        assert.deepStrictEqual(
          errors.splice(0).filter((text) => !text.includes("412")),
          []
        )
      })
    )
  )

  it.live("resets, switches auto_deploy, holds with a reason, and releases the hold and the brake", () =>
    looking(({ page }) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const button = (name: string | RegExp) => row(page, "web").getByRole("button", { name })
        yield* open(page, "web")
        yield* person(() => button("Switch auto-deploy off").click())
        yield* person(() => button("Switch auto-deploy on").waitFor())
        yield* person(() => row(page, "web").getByLabel("Why it is held").fill(canary))
        yield* person(() => button("Hold").click())
        yield* person(() => button("Release the hold").waitFor())
        assert.strictEqual((yield* store.desired(named("web"))).hold?.why, canary)
        yield* person(() => button("Release the hold").click())
        yield* person(() => row(page, "web").getByLabel("Why it is held").waitFor())
        yield* person(() => button("Unpin: reset to versions").click())
        yield* person(() => row(page, "web").locator(".wanted", { hasText: "newest version" }).waitFor())
        const desired = yield* store.desired(named("web"))
        assert.deepStrictEqual([desired.pinnedTag, desired.autoDeploy, desired.hold], ["", true, null])
        yield* person(() => page.getByRole("button", { name: /Release the brake/ }).click())
        yield* person(() => page.locator("#brake").waitFor({ state: "hidden" }))
        assert.isNotNull((yield* store.brake)?.releasedAt)
      })
    )
  )

  it.live("X15: markup in words of Nomad, in a hold and in an attempt is text", () =>
    looking(({ page }) =>
      person(async () => {
        await row(page, "search").locator("summary").click()
        await row(page, "search").locator(".held").waitFor()
        assert.include(await row(page, "search").locator(".held").innerText(), canary)
        assert.include(await row(page, "search").locator(".why").innerText(), canary)
        assert.include(await row(page, "mail").locator(".why").innerText(), canary)
        assert.strictEqual(await page.locator("main img, main script").count(), 0)
        assert.notInclude(await page.title(), "hit")
      })
    )
  )

  it.live("X12: its own policy stops what is inline or made of text, and nobody frames it", () =>
    looking(({ page, errors }, origin) =>
      Effect.gen(function* () {
        const { headers } = yield* request(origin)
        const policy = headers.get("content-security-policy") ?? ""
        assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
        assert.notMatch(policy, /unsafe|\*|:/)
        assert.strictEqual(headers.get("x-frame-options"), "DENY")
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.strictEqual(headers.get("cache-control"), "no-store")
        const refused = yield* person(() =>
          page.evaluate(
            `(() => { try { document.body.innerHTML = "<p>text</p>"; return false } catch { return true } })()`
          )
        )
        assert.isTrue(refused)
        assert.isAbove(errors.length, 0)
        errors.length = 0
      })
    )
  )

  it.live(
    "X7: asks for a token where one is needed, says when it is not taken, and goes on with it after a reload",
    () =>
      Effect.gen(function* () {
        yield* fill
        const tokens = yield* Tokens
        const made = yield* tokens.create(
          { name: "ops", role: "operate", repositories: [named("api")] },
          null
        )
        const origin = yield* served
        const { page, errors } = yield* openTab(origin)
        yield* person(async () => {
          await page.getByLabel(/A token of this server/).fill("wrong")
          await page.getByRole("button", { name: "Show" }).click()
          await page.getByText("This token is not taken").waitFor()
          await page.getByLabel(/A token of this server/).fill(made === null ? "" : Redacted.value(made))
          await page.getByRole("button", { name: "Show" }).click()
          await row(page, "api").waitFor()
          // Of what the token does not name, nothing is told (X22): neither a row nor a move.
          assert.strictEqual(await page.locator("#rows > li").count(), 1)
          assert.notInclude(await page.locator("body").innerText(), "billing")
          await row(page, "api").locator("summary").click()
          await row(page, "api").getByRole("button", { name: "Switch auto-deploy off" }).click()
          await row(page, "api").locator(".notes", { hasText: "auto-deploy off" }).waitFor()
          await page.reload()
          await row(page, "api").waitFor()
        })
        // A browser's console tells of each answer that is 401.
        assert.deepStrictEqual(
          errors.filter((text) => !text.includes("401")),
          []
        )
      }).pipe(Effect.provide(world), Effect.scoped)
  )

  it.live(
    "by keyboard alone: filters, opens a repository, orders, and keeps its place while others move",
    () =>
      looking(({ page }) =>
        Effect.gen(function* () {
          const store = yield* StateStore
          yield* person(async () => {
            await row(page, "api").waitFor()
            await page.getByLabel("Filter by name, tag or reason").focus()
            await page.keyboard.type("IN SYNC api")
            assert.strictEqual(await page.locator("#rows > li:visible").count(), 1)
            for (let left = 6; left > 0; left -= 1) await page.keyboard.press("Tab")
          })
          yield* store.saveDecision(named("web"), { _tag: "Follow", words: "" })
          yield* person(async () => {
            await page
              .locator('#rows > li[data-name="web"][data-group="moving"]')
              .waitFor({ state: "attached" })
            const focused = page.locator(":focus")
            assert.include(await focused.innerText(), "api")
            assert.notStrictEqual(
              await focused.evaluate("getComputedStyle(document.activeElement).outlineStyle"),
              "none"
            )
            await page.keyboard.press("Enter")
            await row(page, "api").getByRole("button", { name: "Switch auto-deploy off" }).focus()
            await page.keyboard.press("Enter")
            await row(page, "api").locator(".notes", { hasText: "auto-deploy off" }).waitFor()
          })
        })
      )
  )

  it.live(
    "promotes and fails a rollout: only where it means something, and once however often it is clicked",
    () =>
      looking(({ page }, origin) =>
        Effect.gen(function* () {
          const store = yield* StateStore
          const button = (name: string | RegExp) => row(page, "images").getByRole("button", { name })
          yield* person(() => row(page, "images").locator('xpath=self::*[@data-group="moving"]').waitFor())
          yield* open(page, "images")
          yield* person(() => row(page, "images").locator(".attempts time").first().waitFor())
          assert.isFalse(yield* person(() => button(/Promote/).isVisible()))
          assert.isFalse(yield* person(() => button(/Fail the rollout/).isVisible()))
          const id = yield* awaitsPromotion("images")
          yield* person(() => row(page, "images").locator('xpath=self::*[@data-group="person"]').waitFor())
          assert.include(
            yield* person(() => row(page, "images").locator(".badge").innerText()),
            "awaiting promotion"
          )
          yield* person(() => button("Promote v7.4.0").waitFor())
          assert.include(
            yield* person(() => row(page, "images").locator(".rollout").innerText()),
            "2 of 2 canaries of v7.4.0 healthy"
          )
          for (const [name, colorScheme, width] of schemes) {
            yield* person(async () => {
              await page.emulateMedia({ colorScheme })
              await page.setViewportSize({ width, height: 900 })
              await shot(page, `canaries-${name}`, "images")
              await fits(page)
            })
          }
          const before = yield* answered(origin, "POST")
          yield* person(() => button("Promote v7.4.0").dblclick())
          yield* person(() =>
            message(page).filter({ hasText: "the canaries of v7.4.0 are promoted now" }).waitFor()
          )
          yield* person(() => row(page, "images").getByText("anonymous promotes v7.4.0").waitFor())
          assert.isFalse(yield* person(() => button(/Promote/).isVisible()))
          assert.strictEqual(yield* answered(origin, "POST"), before + 1)
          yield* person(() => row(page, "images").getByLabel("Why the rollout fails").fill(canary))
          yield* person(() => button("Fail the rollout of v7.4.0").dblclick())
          yield* person(() =>
            message(page).filter({ hasText: "the rollout of v7.4.0 is failed now" }).waitFor()
          )
          yield* person(() => row(page, "images").getByText("anonymous fails v7.4.0").waitFor())
          assert.isFalse(yield* person(() => button(/Fail the rollout/).isVisible()))
          assert.strictEqual(yield* answered(origin, "POST"), before + 2)
          assert.deepInclude(yield* store.attempt(id), { ordered: "fail", orderedWhy: canary })
          yield* refuses("images", id, "deployment not found")
          const refused = "Nomad refused to fail v7.4.0, as anonymous ordered: deployment not found"
          yield* person(() => row(page, "images").locator(".rollout").getByText(refused).waitFor())
          yield* person(() => button("Fail the rollout of v7.4.0").waitFor())
          assert.isFalse(
            yield* person(() => row(page, "api").getByRole("button", { name: /Fail/ }).isVisible())
          )
        })
      )
  )

  it.live(
    "rolls back to a chosen attempt, and speaks for what only a person can: each only where it means something",
    () =>
      looking(
        ({ page }, origin) =>
          Effect.gen(function* () {
            const store = yield* StateStore
            const button = (name: string | RegExp) => row(page, "web").getByRole("button", { name })
            const back = row(page, "web").getByLabel("Where to roll back to")
            const decided = (reason: "suspect_view" | "auto_deploy_off") =>
              store.saveDecision(named("web"), {
                _tag: "Wait",
                reason,
                words: reason,
                would: null,
                verdict: null
              })
            yield* open(page, "web")
            yield* person(() => row(page, "web").locator(".attempts").getByText("nothing yet").waitFor())
            for (const name of [/Accept the listing/, /Adopt/, /Give up/, /Promote/, /Fail/, "Roll back"])
              assert.isFalse(yield* person(() => button(name).isVisible()))
            assert.isFalse(yield* person(() => back.isVisible()))
            yield* decided("suspect_view")
            yield* person(() => button(/Accept the listing/).waitFor())
            yield* person(() => button(/Accept the listing/).click())
            yield* person(() =>
              message(page).filter({ hasText: "the last listing of web is not suspect" }).waitFor()
            )
            const unknown = {
              _tag: "Stall",
              reason: "unknown_marker",
              words: "a marker",
              would: null
            } as const
            yield* store.saveDecision(named("web"), unknown)
            yield* person(() => button("Adopt what the job has").click())
            yield* person(() =>
              message(page).filter({ hasText: "carried no marker that is unknown" }).waitFor()
            )
            const { lost, first } = yield* triedBefore("web")
            yield* store.saveDecision(named("web"), { _tag: "InSync", ...target("v2.0.0") })
            yield* person(() => button("Roll back").waitFor())
            assert.deepStrictEqual(
              yield* person(() =>
                back
                  .locator("option")
                  .evaluateAll((options) => options.map((one) => one.textContent.split(",")[0]))
              ),
              ["to what ran before", "to v1.9.0"]
            )
            yield* decided("auto_deploy_off")
            yield* person(() => button("Give up the attempt at v2.1.0").click())
            yield* person(() =>
              message(page)
                .filter({ hasText: `attempt ${lost} at v2.1.0 is given up` })
                .waitFor()
            )
            yield* person(() => back.selectOption(first))
            yield* person(async () => {
              await page.setViewportSize({ width: 390, height: 844 })
              await shot(page, "roll-back", "web")
              await fits(page)
            })
            yield* person(() => button("Roll back").click())
            yield* person(() => message(page).filter({ hasText: "v1.9.0" }).waitFor())
            assert.deepInclude(yield* store.desired(named("web")), {
              requestKind: "rollback",
              requestTag: target("v1.9.0").tag
            })
            assert.isString(origin)
          }),
        { expects: /409/ }
      )
  )

  it.live("says who leads", () =>
    looking(({ page }) =>
      person(() =>
        page.locator("#leader", { hasText: "no instance has led yet: nothing is deployed" }).waitFor()
      )
    )
  )

  const looks = [
    ["light", { colorScheme: "light", viewport: { width: 1280, height: 900 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
    ["the least for columns", { colorScheme: "light", viewport: { width: 929, height: 900 } }],
    ["tablet", { colorScheme: "light", viewport: { width: 840, height: 900 } }],
    ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 } }],
    ["phone-dark", { colorScheme: "dark", viewport: { width: 390, height: 844 } }]
  ] as const
  it.live.each(looks)("fits its window: %s", ([name, options]) =>
    looking(
      ({ page }) =>
        person(async () => {
          await row(page, "api").waitFor()
          await shot(page, name)
          await row(page, "checkout").locator("summary").click()
          await row(page, "checkout").locator("option").first().waitFor({ state: "attached" })
          await row(page, "checkout").getByRole("button", { name: "Switch auto-deploy off" }).click()
          await message(page).waitFor()
          await fits(page)
          await shot(page, `${name}-open`)
        }),
      options
    )
  )
})

const schemes = [
  ["light", "light", 1280],
  ["dark", "dark", 1280],
  ["phone", "dark", 390],
  ["wide again", "light", 1280]
] as const
const order = ["person", "waiting", "moving", "sync"]

/** Nothing is wider than the window, nor than its row, which would cut it off. */
const fits = async (page: Page) =>
  assert.deepStrictEqual(
    await page.evaluate(
      "[document.documentElement, ...document.querySelectorAll('[open]')].filter((at) => at.scrollWidth > at.clientWidth).map((at) => at.innerText)"
    ),
    []
  )

/** For people to look at: `SCREENSHOTS=/tmp/shots npm test -- test/web`. */
const shot = async (page: Page, name: string, of?: string) => {
  const folder = process.env["SCREENSHOTS"]
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  const path = `${folder}/${name}.png`
  await (of === undefined ? page.screenshot({ path, fullPage: true }) : row(page, of).screenshot({ path }))
}
