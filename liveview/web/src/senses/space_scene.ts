// The 3D view itself: points, a path and two marks in a scene that is drawn when something changed and not otherwise.
import * as THREE from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import type { Place } from "@/senses/space_data";

const FIELD_DEGS = 45;
const MODEL_PIXELS = 4;
const HYPOTHESIS_PIXELS = 7;
const MARK_SHARE = 0.022; // radius of a mark, as a share of the scene's

type Points = THREE.Points<THREE.BufferGeometry, THREE.PointsMaterial>;
type Line = THREE.Line<THREE.BufferGeometry, THREE.LineBasicMaterial>;
type Mark = THREE.Mesh<THREE.SphereGeometry, THREE.MeshBasicMaterial>;

/** A disc, so that points are round. */
function disc(): THREE.CanvasTexture {
  const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  pen.fillStyle = "#ffffff";
  pen.arc(16, 16, 15, 0, 2 * Math.PI);
  pen.fill();
  const texture = new THREE.CanvasTexture(canvas);
  texture.generateMipmaps = false;
  texture.minFilter = THREE.LinearFilter;
  return texture;
}

/**
 * A part of a colour of CSS (sRGB) as the share of light that three.js reckons with: where it is left as it is, points
 * are paler than their legend. Source: IEC 61966-2-1.
 */
function linear(part: number): number {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

/** The largest of 1, 2, 5 times a power of ten that is not greater. */
function roundLength(length: number): number {
  const power = 10 ** Math.floor(Math.log10(length));
  return power * ([5, 2, 1].find((times) => times * power <= length) ?? 1);
}

/** Whether this browser can draw in 3D: null if so, else why not. */
export function whyNot3d(): string | null {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return "This browser offers no WebGL 2, so there is no 3D view; everything else works without it.";
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return null;
}

/** A 3D view in an element. Every `set…` asks for a new picture. `onLost` is called when the graphics driver gives up. */
export class SpaceScene {
  /** Length of the axes' lines, metres. */
  axisMetres: number | null = null;
  private readonly renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
  private readonly scene = new THREE.Scene();
  private readonly camera = new THREE.PerspectiveCamera(FIELD_DEGS, 1, 0.001, 100);
  private readonly controls: OrbitControls;
  private readonly disc = disc();
  private readonly axes = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial());
  private readonly model: Points;
  private readonly hypotheses: Points;
  private readonly path: Line = new THREE.Line(new THREE.BufferGeometry(), new THREE.LineBasicMaterial());
  private readonly steps: Points;
  private readonly sensor: Mark;
  private readonly mostLikely: Mark;
  private readonly resizing: ResizeObserver;
  private pictures = 0;
  private frame: number | null = null;

  constructor(
    private readonly element: HTMLElement,
    onLost: () => void,
  ) {
    this.renderer.setPixelRatio(Math.min(2, devicePixelRatio || 1));
    this.renderer.domElement.addEventListener("webglcontextlost", onLost);
    this.renderer.domElement.dataset.testid = "space-canvas";
    element.append(this.renderer.domElement);
    this.controls = new OrbitControls(this.camera, this.renderer.domElement);
    this.controls.addEventListener("change", () => this.ask());
    this.scene.add(this.axes);
    this.model = this.addPoints(MODEL_PIXELS, false);
    this.hypotheses = this.addPoints(HYPOTHESIS_PIXELS, true);
    this.steps = this.addPoints(5, false);
    this.sensor = this.addMark();
    this.mostLikely = this.addMark();
    this.scene.add(this.path);
    for (const one of this.scene.children) one.frustumCulled = false; // their bounds change with every step
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(element);
    this.resize();
  }

  /** Whether a program draws what a graphics card would. */
  get isSoftware(): boolean {
    const context = this.renderer.getContext();
    const known = context.getExtension("WEBGL_debug_renderer_info");
    const name = known ? context.getParameter(known.UNMASKED_RENDERER_WEBGL) : "";
    return /swiftshader|llvmpipe|software/i.test(name);
  }

  private addPoints(pixels: number, isColoured: boolean): Points {
    const size = pixels * this.renderer.getPixelRatio();
    const material = new THREE.PointsMaterial({
      size,
      sizeAttenuation: false,
      vertexColors: isColoured,
      map: this.disc,
      alphaTest: 0.5,
    });
    const points = new THREE.Points(new THREE.BufferGeometry(), material);
    this.scene.add(points);
    return points;
  }

  private addMark(): Mark {
    const mark = new THREE.Mesh(new THREE.SphereGeometry(1, 20, 14), new THREE.MeshBasicMaterial());
    mark.visible = false;
    this.scene.add(mark);
    return mark;
  }

  /** Points of the learned model, x y z after each other. */
  setModel(positions: ArrayLike<number>, colour: string): void {
    this.put(this.model, positions);
    this.model.material.color.set(colour);
  }

  /** Locations of hypotheses, and a colour (red, green, blue, 0 to 1, as in CSS) for each. */
  setHypotheses(positions: number[], colours: number[]): void {
    this.put(this.hypotheses, positions);
    this.hypotheses.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours.map(linear), 3));
  }

  /** The sensor's path, oldest first; the sensor is at its end. */
  setPath(positions: number[], colour: string): void {
    this.put(this.path, positions);
    this.put(this.steps, positions);
    for (const one of [this.path, this.steps]) one.material.color.set(colour);
    this.setMark(this.sensor, positions.length ? (positions.slice(-3) as Place) : null, colour);
  }

  setMostLikely(position: Place | null, colour: string): void {
    this.setMark(this.mostLikely, position, colour);
  }

  private setMark(mark: Mark, position: Place | null, colour: string): void {
    mark.visible = Boolean(position);
    if (position) {
      mark.position.set(...position);
      mark.material.color.set(colour);
    }
    this.ask();
  }

  private put(object: Points | Line, positions: ArrayLike<number>): void {
    object.geometry.setAttribute("position", new THREE.Float32BufferAttribute(positions, 3));
    object.geometry.computeBoundingSphere();
    this.ask();
  }

  setLines(colour: string): void {
    this.axes.material.color.set(colour);
    this.ask();
  }

  /** Three lines of a round length along x, y and z, in a corner of all that there is. */
  private putAxes(box: THREE.Box3): void {
    const { x, y, z } = box.min;
    const size = box.getSize(new THREE.Vector3());
    this.axisMetres = roundLength(Math.max(size.x, size.y, size.z, 1e-4) / 3);
    const end = this.axisMetres;
    this.put(this.axes, [x, y, z, x + end, y, z, x, y, z, x, y + end, z, x, y, z, x, y, z + end]);
  }

  /** Look at all that there is. Returns whether there is anything. */
  fit(): boolean {
    const box = new THREE.Box3();
    for (const one of [this.model, this.hypotheses, this.steps]) {
      const position = one.geometry.getAttribute("position");
      if (!one.visible || !(position instanceof THREE.BufferAttribute) || !position.count) continue;
      box.union(new THREE.Box3().setFromBufferAttribute(position));
    }
    if (box.isEmpty()) return false;
    const { center, radius } = box.getBoundingSphere(new THREE.Sphere());
    const size = Math.max(radius, 1e-4);
    const far = (size * 0.98) / Math.sin((FIELD_DEGS / 2) * (Math.PI / 180)) / Math.min(1, this.camera.aspect);
    this.camera.position.copy(center).add(new THREE.Vector3(0.45, 0.35, 0.82).normalize().multiplyScalar(far));
    this.camera.near = size / 100;
    this.camera.far = far + size * 20;
    this.camera.updateProjectionMatrix();
    this.controls.target.copy(center);
    this.controls.update();
    this.putAxes(box);
    for (const mark of [this.sensor, this.mostLikely]) mark.scale.setScalar(size * MARK_SHARE);
    this.ask();
    return true;
  }

  /** Turn by this many degrees around the upright axis and up, and come nearer by a factor. */
  turn(aroundDegs: number, upDegs: number, factor = 1): void {
    const offset = this.camera.position.clone().sub(this.controls.target);
    const place = new THREE.Spherical().setFromVector3(offset);
    place.theta += (aroundDegs * Math.PI) / 180;
    place.phi = Math.max(0.05, Math.min(Math.PI - 0.05, place.phi - (upDegs * Math.PI) / 180));
    place.radius *= factor;
    this.camera.position.copy(this.controls.target).add(new THREE.Vector3().setFromSpherical(place));
    this.controls.update();
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.ask();
  }

  private ask(): void {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.renderer.render(this.scene, this.camera);
      this.renderer.domElement.dataset.pictures = String(++this.pictures);
    });
  }

  close(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.resizing.disconnect();
    this.controls.dispose();
    const marks = [this.sensor, this.mostLikely];
    for (const one of [this.axes, this.model, this.hypotheses, this.path, this.steps, ...marks]) {
      one.geometry.dispose();
      one.material.dispose();
    }
    this.disc.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.renderer.domElement.remove();
  }
}
