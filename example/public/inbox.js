import { h, call } from '/page.js'
