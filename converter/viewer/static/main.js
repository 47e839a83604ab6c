// The page of the server: the viewer over HTTP, filling the window.
import { HttpTransport } from "./transport.js";
import { mount } from "./viewer.js";

mount(document.getElementById("view"), new HttpTransport(), { linkable: true });
