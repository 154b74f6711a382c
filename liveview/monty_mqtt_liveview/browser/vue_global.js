// Quasar, the script after this one, looks for Vue among the globals.
import * as Vue from "vue";

globalThis.Vue = Vue;
