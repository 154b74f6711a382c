// What every page has around it: the bar with the way back, the theme's switch, and what is wrong with the page itself.
import { runAddress } from "monty-liveview/api.js";
import { clock } from "monty-liveview/format.js";
import { silentSince } from "monty-liveview/silence.js";
import { nextTheme, themeChoice } from "monty-liveview/theme.js";

const LOGO = `
  <svg viewBox="0 0 32 32" aria-hidden="true">
    <path d="M16 2l12 7v14l-12 7-12-7V9z" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" />
    <circle cx="16" cy="16" r="3.2" fill="#0072B2" /><circle cx="10" cy="12.5" r="2.2" fill="#E69F00" />
    <circle cx="22" cy="12.5" r="2.2" fill="#009E73" /><circle cx="16" cy="23" r="2.2" fill="#D55E00" />
  </svg>`;
const THEME_SIGNS = { system: "◐", light: "☀", dark: "☾" };

/** Props: view, run, problems and notes (sentences), connected (of the page's live connection; null before the first). */
export default {
  props: { view: String, run: String, problems: Array, notes: Array, connected: Boolean, heard: Boolean },
  computed: {
    choice: themeChoice,
    sign() {
      return THEME_SIGNS[this.choice];
    },
    address() {
      return runAddress(this.run);
    },
    word() {
      if (this.isSilent) return `nothing heard since ${clock(silentSince.value)}`;
      return this.connected ? "connected" : "connecting";
    },
    isSilent() {
      return silentSince.value !== null;
    },
    sentences() {
      const away = !this.connected && (this.heard || this.isSilent) ? ["The page's server does not answer. Trying again."] : [];
      return [...away, ...(this.problems ?? [])];
    },
  },
  methods: {
    nextTheme,
    toMain() {
      document.getElementById("main").focus();
    },
  },
  template: `
    <a class="skip" href="#main" @click.prevent="toMain">Skip to content</a>
    <header class="bar" role="banner">
      <a class="brand" href="/">${LOGO}<span>Monty <span class="wide-only">LiveView</span></span></a>
      <nav class="grow" aria-label="Where you are">
        <ol class="crumbs">
          <li><a v-if="view !== 'runs'" href="/">Runs</a><span v-else aria-current="page">Runs</span></li>
          <li v-if="run" class="clip long">
            <a v-if="view === 'workers'" :href="address" :title="run">{{ run }}</a>
            <span v-else aria-current="page" :title="run">{{ run }}</span>
          </li>
          <li v-if="view === 'workers'"><span aria-current="page">Workers</span></li>
        </ol>
      </nav>
      <span v-if="view !== 'missing'" class="chip connection" :class="{ silent: isSilent }" role="status" :title="word">
        <span class="dot" :style="{ background: connected && !isSilent ? '#009E73' : '#E69F00' }" aria-hidden="true"></span>
        <span class="word">{{ word }}</span>
      </span>
      <button class="btn ghost" type="button" @click="nextTheme" :title="'Colours: ' + choice">
        <span aria-hidden="true">{{ sign }}</span><span class="visually-hidden">Colours: {{ choice }}. Change</span>
      </button>
    </header>
    <div v-if="sentences.length" class="banner" role="alert">
      <p v-for="sentence in sentences" :key="sentence">{{ sentence }}</p>
    </div>
    <div v-if="connected && notes?.length" class="banner calm" role="status" data-testid="notes">
      <p v-for="sentence in notes" :key="sentence">{{ sentence }}</p>
    </div>
    <main id="main" class="page" tabindex="-1"><slot /></main>
  `,
};
