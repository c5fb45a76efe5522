// SPDX-License-Identifier: Apache-2.0

// Opens every page of the server at BASE in Chromium, light and dark, on a phone
// and on a desk, and looks for what keeps people out. It prints one line for
// each find, and fails if there are any. Screenshots go to SHOTS.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const { BASE, PAGES, SHOTS, CHROMIUM } = process.env
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const only = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const finds = []

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
try {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [390, 1280]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: width < 600 ? 844 : 800 } })
      const tab = await context.newPage()
      for (const name of PAGES.split(' ')) {
        await visit(tab, name, colorScheme, width)
      }
      await context.close()
    }
  }
} finally {
  await browser.close()
}
for (const find of finds) console.log(find)
process.exitCode = finds.length ? 1 : 0

async function visit(tab, name, scheme, width) {
  const find = (text) => finds.push(`${name}, ${scheme}, ${width} px: ${text}`)
  // Chromium reports a style that the policy blocks here.
  const heard = (message) => message.type() === 'error' && find(`console: ${message.text()}`)
  tab.on('console', heard)
  await tab.goto(`${BASE}/${name}`)
  await tab.waitForTimeout(50) // for what follows by itself
  tab.off('console', heard)
  if (new URL(tab.url()).pathname !== `/${name}`) find(`moved to ${tab.url()}`)
  await tab.screenshot({ path: `${SHOTS}/${name}-${scheme}-${width}.png`, fullPage: true })
  for (const problem of await tab.evaluate(layout)) find(problem)
  if (width < 600) {
    await keyboard(tab, find)
    await tab.setViewportSize({ width: 320, height: 568 }) // WCAG 1.4.10
    for (const problem of await tab.evaluate(layout)) find(`at 320 px ${problem}`)
    await tab.setViewportSize({ width, height: 844 })
  }
  await tab.evaluate(axe) // not a script of the page: its policy does not stop it
  const result = await tab.evaluate(
    (values) => window.axe.run(document, { runOnly: { type: 'tag', values }, rules: { 'target-size': { enabled: true } } }), only)
  for (const v of [...result.violations, ...result.incomplete]) {
    for (const node of v.nodes) find(`${v.id}: ${v.help}: ${node.html}: ${node.failureSummary}`)
  }
}

// layout runs in the page.
function layout() {
  const finds = []
  if (getComputedStyle(document.querySelector('main')).borderRadius === '0px') finds.push('the style is not in force')
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) finds.push('it scrolls sideways')
  return finds
}

// keyboard walks the page with the Tab key: every control has its turn, in the
// order of the text, and is seen to have it.
async function keyboard(tab, find) {
  const controls = ':is(a[href], button:not([hidden]), input:not([type=hidden]), select, textarea, summary, [tabindex])' +
    ':not(details:not([open]) > :not(summary) *)'
  await tab.evaluate(() => { // from the top, wherever autofocus has put it
    document.body.tabIndex = -1
    document.body.focus()
    document.body.removeAttribute('tabindex')
  })
  const count = await tab.locator(controls).count()
  for (let i = 0; i < count; i++) {
    await tab.keyboard.press('Tab')
    const [at, outline] = await tab.evaluate((selector) => {
      const style = getComputedStyle(document.activeElement)
      return [[...document.querySelectorAll(selector)].indexOf(document.activeElement), `${style.outlineStyle} ${style.outlineWidth}`]
    }, controls)
    if (at !== i) find(`Tab ${i + 1} leads to control ${at + 1}`)
    if (outline !== 'solid 3px') find(`control ${i + 1} has focus and the outline ${outline}`)
  }
}
