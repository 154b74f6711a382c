export { default } from "monty-liveview/page.js";
