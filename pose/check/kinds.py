"""Every kind of finding: how bad, what it breaks, how to mend it. The table of docs/check.md is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pose.data.image_sizes import MEND, MISSING, OTHER, WRONG

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        level: an error breaks training or AP, a warning probably does, a note is worth knowing.
        title: what was found; follows a count.
        breaks: what comes of it.
        mend: how to put it right.
        fix: `--fix` mends it, in full or where the file says enough.
    """

    level: Level
    title: str
    breaks: str
    mend: str
    fix: bool = False


KINDS: dict[str, Kind] = {
    # The file: entries, ids, categories, skeleton
    "image-malformed": Kind(
        "error",
        "images that are no object or have no file_name",
        "They are left out with their people.",
        "Give each an id, a file_name, a height and a width.",
    ),
    "image-id-type": Kind(
        "error",
        "images whose id is missing, no number, or beyond 64 bits",
        "They are left out with their people.",
        "Number the images, and use the same numbers as image_id.",
        fix=True,
    ),
    "image-id-twice": Kind(
        "error",
        "image ids that stand for two files",
        "The file does not load; elsewhere people are looked for in the wrong image.",
        "Give each image its own id; only you know which annotation belongs to which.",
    ),
    "image-listed-twice": Kind(
        "warning", "images listed twice", "Some tools train on them twice.", "Keep one entry.", fix=True
    ),
    "file-listed-twice": Kind(
        "warning",
        "files listed under two ids",
        "People are annotated under one id and count as missing under the other.",
        "If it is one image, keep one id and move the annotations to it. If two images had this name, as frames of "
        "two videos that a tool joined, name them apart by their folders.",
    ),
    "file-name-escapes": Kind(
        "error",
        "file names that leave the images folder",
        "They are left out: a name from someone else's file must not reach other folders.",
        "Write names below the images folder, without '..', a drive or a leading slash.",
    ),
    "image-size-missing": Kind(
        "warning",
        MISSING,
        "`pose` takes those of the image file; elsewhere they are left out, or their boxes are not clipped.",
        "Write the size of the file.",
        fix=True,
    ),
    "annotations-none": Kind(
        "error", "no list of annotations", "There is nothing to train on, and no AP.", "Give the annotated file."
    ),
    "one-person-an-image": Kind(
        "warning",
        "file of an exporter that keeps one person's keypoints an image",
        "The keypoints of all but the last person of an image are lost, or mixed with another's.",
        "Export Label Studio's own JSON instead of COCO, and convert that: pose convert FILE out.json.",
    ),
    "annotation-malformed": Kind(
        "error", "annotations that are no object", "They are left out.", "Remove them.", fix=True
    ),
    "annotation-id-missing": Kind(
        "error",
        "annotations whose id is missing or no positive integer",
        "pycocotools stops or mixes people up; `pose` renumbers them with a warning.",
        "Number them from 1.",
        fix=True,
    ),
    "annotation-id-zero": Kind(
        "error",
        "annotations with id 0",
        "pycocotools counts a match with id 0 as none, so AP is too low.",
        "Number them from 1.",
        fix=True,
    ),
    "annotation-id-twice": Kind(
        "error",
        "annotations whose id was used before",
        "pycocotools keeps one of them, so AP and training lose people.",
        "Give each its own id.",
        fix=True,
    ),
    "number-type": Kind(
        "warning",
        'images or annotations with numbers written as another type, such as "7", 7.0 or true',
        "`pose` reads them as what they mean; elsewhere '7' is not 7 and people are lost.",
        "Write plain numbers.",
        fix=True,
    ),
    "image-unknown": Kind(
        "error",
        "annotations of images that are not listed",
        "They are left out; pycocotools drops them silently.",
        "Add the images or drop the annotations.",
        fix=True,
    ),
    "ids-mixed-up": Kind(
        "error",
        "annotations whose id and image_id have changed places",
        "Nobody is found in any image: AP is 0.",
        "Swap the two: image_id names the image, id the annotation.",
    ),
    "category-none": Kind(
        "warning",
        "no category that names keypoints",
        "The order of the keypoints cannot be compared with the skeleton's.",
        "Add {id, name, keypoints: [names]} to categories.",
    ),
    "category-several": Kind(
        "error",
        "categories with different keypoints",
        "The file does not load: a skeleton is for one category, or several with the same keypoints.",
        "Set data.category to the name of one, or to a list of names.",
    ),
    "category-merged": Kind(
        "note",
        "categories with the same keypoints, which are read as one",
        "They are trained and evaluated as one; tools that average over categories give another AP.",
        "Nothing, if that is meant; else set data.category to one.",
    ),
    "category-text": Kind(
        "warning",
        "categories whose keypoints are no list of names",
        "They name nothing: the order of the keypoints cannot be compared with the skeleton's.",
        "Write the names of the keypoints as a list.",
    ),
    "category-id-missing": Kind(
        "warning",
        "annotations without category_id",
        "pycocotools stops; `pose` takes them for the category with keypoints.",
        "Write the category's id.",
        fix=True,
    ),
    "category-unknown": Kind(
        "error",
        "annotations of a category that is not listed",
        "They are left out.",
        "Use an id from categories (a number, not a name).",
    ),
    "category-other": Kind(
        "note", "annotations of categories without keypoints", "They are left out.", "Nothing, if that is meant."
    ),
    "names-differ": Kind(
        "error",
        "keypoints that are called otherwise in the skeleton",
        "A keypoint is trained, flipped and scored as another one.",
        "Set data.skeleton to this file's names in this file's order.",
    ),
    "edges-wrong": Kind(
        "warning",
        "edges of the category that join no two keypoints",
        "They are left out, the others drawn: COCO counts keypoints from 1 in skeleton.",
        "Write pairs of numbers from 1 to the number of keypoints.",
    ),
    "categories-no-list": Kind(
        "error",
        "'categories' is no list",
        "The file does not load.",
        "Write categories: [{id, name, keypoints: [names]}].",
    ),
    "key-twice": Kind(
        "warning",
        "keys that stand twice in one object",
        "The last one counts, and the values before are lost without a word.",
        "Keep the one that is meant.",
    ),
    "pair-missing": Kind(
        "warning",
        "keypoints with a side but no flip pair",
        "A mirrored crop teaches the left one at the right one's place.",
        "Name both sides alike (left_x, right_x) or list them in data.skeleton.flip_pairs.",
    ),
    "sigmas-guessed": Kind(
        "note",
        "skeleton whose OKS sigmas are not measured",
        "AP is comparable only among results with the same sigmas.",
        "Set data.skeleton.oks_sigmas, e.g. from people who were annotated twice.",
    ),
    # Images
    "image-missing": Kind(
        "error",
        "images whose file is missing",
        "Training does not start.",
        "Check the images folder and the names (upper and lower case, extension).",
    ),
    "image-unreadable": Kind(
        "error",
        "image files that cannot be read",
        "Training stops when it meets one.",
        "Fetch or convert them again.",
    ),
    "image-truncated": Kind(
        "error",
        "image files that are cut off",
        "The missing part is gray, and the keypoints there are trained on it.",
        "Fetch them again.",
    ),
    "image-size-differs": Kind(
        "error",
        OTHER,
        "Training and evaluation stop: boxes and keypoints may be of an image of another size.",
        f"{MEND[0].upper()}{MEND[1:]}.",
    ),
    "image-size-wrong": Kind(
        "warning",
        WRONG,
        "`pose` takes those of the image; elsewhere boxes are clipped to the wrong ones, and people are lost.",
        "Write the size of the file.",
        fix=True,
    ),
    "image-turned": Kind(
        "error",
        "images annotated upright whose file lies on its side (EXIF)",
        "Training reads pixels as stored, as COCO does: keypoints fall beside the people.",
        "Store the images upright, e.g. with `mogrify -auto-orient`.",
    ),
    "image-exif": Kind(
        "warning",
        "images that viewers turn or mirror (EXIF)",
        "Training reads pixels as stored; what was annotated as shown is sideways or mirrored.",
        "Look at some; store the images upright, e.g. with `mogrify -auto-orient`.",
    ),
    "image-empty": Kind(
        "note", "images without annotations", "Training skips them, AP counts what is found there.", "-"
    ),
    "image-repeated": Kind(
        "warning",
        "files that hold the same image as another",
        "They count twice; if annotated differently, they contradict each other.",
        "Keep one.",
    ),
    "image-similar": Kind(
        "note", "images that look like another one", "They count nearly twice.", "Look at some; keep one of each."
    ),
    "split-overlap": Kind(
        "error",
        "validation images that are in training too",
        "AP is of images the network has learned by heart.",
        "Remove them from one of the two.",
    ),
    "split-similar": Kind(
        "warning",
        "validation images that look like one in training",
        "AP is too high if they are copies or neighboring frames.",
        "Look at some; split by scene or video, not by frame.",
    ),
    # People: boxes, areas, keypoints
    "boxes-xyxy": Kind(
        "error",
        "boxes, as most here, that look like corners [x1, y1, x2, y2]",
        "Crops reach far out of the image, people are tiny in them.",
        "Write [x, y, width, height].",
    ),
    "coordinates-normalized": Kind(
        "error",
        "people, as most here, with coordinates from 0 to 1",
        "All keypoints fall into one pixel.",
        "Multiply x by the width and y by the height of the image.",
    ),
    "box-malformed": Kind(
        "error",
        "annotations without a bbox of four numbers",
        "They are left out.",
        "Write [x, y, width, height] in pixels.",
        fix=True,
    ),
    "box-empty": Kind(
        "error",
        "boxes without width or height",
        "A box without either is left out; of one without width or height the crop is a guess.",
        "Write [x, y, width, height], both positive; for boxes of single points set data.grow_boxes.pixels.",
        fix=True,
    ),
    "box-is-keypoint-extent": Kind(
        "warning",
        "boxes, as most here, that are the extent of their keypoints",
        "Crops cut off what lies beyond the outermost keypoints, and boxes of a detector are larger.",
        "Give boxes of the whole body, or grow these: data.grow_boxes.share=0.1, and predict in boxes grown alike.",
    ),
    "box-outside": Kind(
        "error",
        "boxes outside their image",
        "The people are left out, or cropped somewhere else.",
        "Check that image and box belong together.",
    ),
    "box-leaves-image": Kind(
        "warning",
        "boxes that reach out of their image by more than a pixel",
        "Crops are off-center and too large.",
        "Clip them to the image.",
        fix=True,
    ),
    "box-from-corner": Kind(
        "error",
        "boxes that reach from the corner (0, 0) of their image to the keypoints",
        "An exporter counted missing keypoints as lying there: crops show half of the image, AP forgives too much.",
        "Take box and area from the labeled keypoints, or from the outline.",
    ),
    "outline-apart": Kind(
        "warning",
        "annotations without keypoints that are the outline of another",
        "`pose` leaves them out; elsewhere they are people or crowds of their own, and AP is too high.",
        "Put segmentation, box and area into the annotation with the keypoints.",
        fix=True,
    ),
    "box-twice": Kind(
        "warning",
        "people with the box of another in the same image, but other keypoints",
        "One crop is taught two answers.",
        "Give each the box of its own outline.",
    ),
    "person-twice": Kind(
        "error",
        "people annotated twice: same image, box and keypoints",
        "One of the two always counts as missed.",
        "Keep one.",
        fix=True,
    ),
    "area-missing": Kind(
        "error",
        "annotations without a number as area",
        "pycocotools stops; `pose` takes the box's with a warning.",
        "Write the outline's area, or width * height of the box.",
        fix=True,
    ),
    "area-zero": Kind(
        "error",
        "people with an area of 0 or less",
        "They are left out of training, and OKS with them is 0: so is AP.",
        "Write the outline's area, or width * height of the box; of single points set data.grow_boxes.pixels.",
        fix=True,
    ),
    "area-far": Kind(
        "warning",
        "areas that do not fit the box or the segmentation",
        "OKS scales distances by the area: AP is too low or too high.",
        "Write the outline's area in square pixels.",
        fix=True,
    ),
    "segmentation-missing": Kind(
        "note",
        "people without segmentation",
        "If area is then that of the box, OKS forgives more than COCO's and AP is not comparable with it.",
        "-",
    ),
    "crowd-malformed": Kind(
        "error",
        "annotations whose iscrowd is neither 0 nor 1",
        "They are left out.",
        "Write 0, or 1 for a group.",
    ),
    "crowd-missing": Kind(
        "warning", "annotations without iscrowd", "pycocotools stops.", "Write 0, or 1 for a group.", fix=True
    ),
    "keypoints-missing": Kind(
        "warning",
        "annotations without keypoints",
        "They are taken as not labeled; pycocotools stops.",
        "Write 0, 0, 0 for each: not labeled.",
        fix=True,
    ),
    "keypoints-malformed": Kind(
        "error",
        "annotations whose keypoints are no list",
        "They are left out.",
        "Write x, y, visibility for each keypoint, as one list.",
    ),
    "keypoints-count": Kind(
        "error",
        "annotations with another number of keypoints than the skeleton",
        "They are left out; if that is all of them, the file does not load.",
        "Write x, y, visibility for each keypoint; set data.skeleton to the file's.",
    ),
    "keypoints-not-numbers": Kind(
        "error",
        "annotations with keypoints that are no finite numbers",
        "They are left out; elsewhere the loss becomes NaN.",
        "Write 0, 0, 0 for what is not labeled.",
        fix=True,
    ),
    "visibility-other": Kind(
        "error",
        "people with a visibility other than 0, 1, 2",
        "Whatever is above 0 is trained as labeled, e.g. a score of 0.01.",
        "Write 0 not labeled, 1 hidden, 2 visible.",
    ),
    "unlabeled-with-place": Kind(
        "warning",
        "people with coordinates where visibility is 0",
        "`pose` ignores them; tools that look at x > 0 train on them.",
        "Write 0, 0, 0, or visibility 1 if the place is known.",
        fix=True,
    ),
    "keypoint-at-origin": Kind(
        "error",
        "people with keypoints labeled at (0, 0)",
        "The network learns to point to the corner.",
        "Write 0, 0, 0: not labeled.",
        fix=True,
    ),
    "keypoint-outside-image": Kind(
        "warning",
        "people with keypoints outside the image",
        "There is nothing to see there; many of them mean a wrong size or image.",
        "Write 0, 0, 0, or the right place.",
    ),
    "keypoint-on-border": Kind(
        "note",
        "people with keypoints exactly on the border of the image",
        "A program that crops may have moved them there from outside, as visible ones (datumaro does).",
        "Look at some; write 0, 0, 0 where the part is not in the image.",
    ),
    "keypoints-elsewhere": Kind(
        "error",
        "people most of whose keypoints lie outside their box, one in twenty or more",
        "The crop does not show what is trained: box and keypoints are of two people, or scaled differently.",
        "Compare box and keypoints.",
    ),
    "keypoint-far": Kind(
        "warning",
        "people with keypoints far outside their box (half of its longer side, or most of them)",
        "It is probably another person's, or a slip of the mouse.",
        "Look at them.",
    ),
    "keypoint-outside-crop": Kind(
        "note",
        "people with a keypoint beside the crop",
        "The plain crop does not show it, so it can never be found. COCO has some of them.",
        "Enlarge the box, if it is too small.",
    ),
    "nothing-labeled": Kind(
        "note", "people without labeled keypoints", "Left out of training; AP ignores what is found there.", "-"
    ),
    "nobody-labeled": Kind(
        "error",
        "not one labeled keypoint, crowds aside",
        "There is nothing to train on, and no AP.",
        "Check visibility.",
    ),
    "count-missing": Kind(
        "error",
        "annotations without a whole number as num_keypoints",
        "pycocotools stops, or ignores the person: AP is 0 or -1; `pose` counts, with a warning.",
        "Write the number of keypoints with visibility above 0.",
        fix=True,
    ),
    "count-wrong": Kind(
        "warning",
        "people whose num_keypoints is not the number of labeled ones",
        "`pose` counts them; pycocotools ignores people with 0, so its AP is of the wrong people.",
        "Write the number of keypoints with visibility above 0.",
        fix=True,
    ),
    "sides-swapped": Kind(
        "error",
        "pairs whose left and right have changed places",
        "Faces seen from the front have their own left at the image's right; here it is the other way round.",
        "Left is the person's own. Swap the names or the numbers.",
    ),
    # Detected boxes
    "detections-missing": Kind(
        "error", "no list of detections", "`pose eval` stops.", "Set data.val.boxes to a detections file, or to gt."
    ),
    "detection-malformed": Kind(
        "error",
        "detections without image_id, category_id, bbox and score",
        "They are left out.",
        "Write {image_id, category_id, bbox: [x, y, width, height], score}.",
    ),
    "detection-box": Kind(
        "error",
        "detections without four numbers and a positive width and height",
        "They are left out.",
        "Write [x, y, width, height].",
    ),
    "detection-unknown-image": Kind(
        "warning",
        "detections on images that are not in the annotation file",
        "They are left out; if that is all of them, `pose eval` stops.",
        "Give the detections of this split.",
    ),
    "detection-name-contradicts": Kind(
        "error",
        "detections whose file_name is not that of their image_id",
        "They are left out, since nobody knows of which image they are; elsewhere every crop is of another one.",
        "Write the id that the annotation file gives the image.",
    ),
    "detections-xyxy": Kind(
        "error",
        "detections, as most here, that look like corners [x1, y1, x2, y2]",
        "Crops reach far out of the image, AP is near 0.",
        "Write [x, y, width, height].",
    ),
    "detections-category": Kind(
        "error", "no detection of the annotations' category", "`pose eval` stops.", "Write the same category_id."
    ),
    "detection-category-other": Kind("note", "detections of other categories", "They are left out.", "-"),
    "detections-scores": Kind(
        "warning",
        "detections that all have the same score",
        "AP sorts by score: false boxes count as much as sure ones.",
        "Write the detector's scores.",
    ),
    "detections-recall": Kind(
        "warning",
        "annotated people without a detection (IoU 0.5)",
        "More than half are lost before the network sees them.",
        "Check that the detections are of this split and of all its images.",
    ),
}


def kinds_table() -> str:
    """Make a Markdown table of all kinds, for docs/check.md."""
    rows = ["| finding | | what it breaks | how to mend it |", "|---|---|---|---|"]
    for name, kind in KINDS.items():
        level = f"{kind.level}{', fix' if kind.fix else ''}"
        rows.append(f"| `{name}`: {kind.title} | {level} | {kind.breaks} | {kind.mend} |")
    return "\n".join(rows)
