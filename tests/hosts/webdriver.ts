import { tmpdir } from 'node:os';
import { type Server, serve } from './app.js';

/** The key by which the WebDriver protocol names elements. */
const elementKey = 'element-6066-11e4-a52e-4f735466cecf';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** A Chromium of its own, driven by WebDriver's protocol. */
export class Browser {
  readonly #driver: Server;
  readonly #session: string;

  private constructor(driver: Server, session: string) {
    this.#driver = driver;
    this.#session = session;
  }

  static async open(): Promise<Browser> {
    const driver = await serve(process.env.CHROMEDRIVER ?? 'chromedriver', ['--port=0'], tmpdir(), {
      address: /(?<=started successfully on port )\d+(?=\D)/,
    });
    const chromium = process.env.CHROMIUM ?? 'chromium';
    const alwaysMatch = {
      'goog:chromeOptions': { binary: chromium, args: flags },
      'goog:loggingPrefs': { browser: 'ALL' },
    };
    const url = `http://127.0.0.1:${driver.address}/session`;
    try {
      const { sessionId } = await send(url, 'POST', { capabilities: { alwaysMatch } });
      return new Browser(driver, `${url}/${sessionId}`);
    } catch (error) {
      await driver.stop();
      throw error;
    }
  }

  async visit(url: string): Promise<void> {
    await send(`${this.#session}/url`, 'POST', { url });
  }

  async click(selector: string): Promise<void> {
    const found = await send(`${this.#session}/element`, 'POST', { using: 'css selector', value: selector });
    await send(`${this.#session}/element/${found[elementKey]}/click`, 'POST', {});
  }

  /** What an expression is in the page. */
  async evaluate(expression: string): Promise<any> {
    return send(`${this.#session}/execute/sync`, 'POST', { script: `return ${expression}`, args: [] });
  }

  /** What the console has got since the last call, uncaught errors included. */
  async console(): Promise<{ level: string; message: string }[]> {
    return send(`${this.#session}/se/log`, 'POST', { type: 'browser' });
  }

  async close(): Promise<void> {
    await send(this.#session, 'DELETE');
    await this.#driver.stop();
  }
}

async function send(url: string, method: string, body?: object): Promise<any> {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  const { value } = (await response.json()) as { value: any };
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}
