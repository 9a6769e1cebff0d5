"""What the narrator may say. ``{}``-free, plain words, so that the truth holds exactly what is spoken."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaneTalk:
    """Phrases that fit one plane.

    Attributes:
        seek: while it is searched for.
        see: while it is on screen: names it, its structures, measures, instructs.
    """

    seek: tuple[str, ...]
    see: tuple[str, ...]


PLANE_TALK: Mapping[str, PlaneTalk] = {
    "transventricular brain": PlaneTalk(
        (
            "now let's find the baby's head",
            "I am going up to the brain to see the ventricles",
            "turning a little to get the midline of the head level",
        ),
        (
            "here is the head with the midline across",
            "that is the lateral ventricle and inside it the choroid plexus",
            "I am measuring across the atrium of the ventricle",
            "measuring the head circumference around the skull",
            "the cavum is here in the front third of the brain",
            "this is the transventricular plane, the ventricle looks fine",
        ),
    ),
    "transcerebellar brain": PlaneTalk(
        (
            "tilting down towards the back of the head for the cerebellum",
            "next I want to see the cerebellum",
            "now we look for the little brain at the back",
        ),
        (
            "this is the cerebellum, shaped like a dumbbell",
            "measuring the transcerebellar diameter",
            "behind the cerebellum is the cisterna magna",
            "both halves of the cerebellum look even",
            "that is the transcerebellar view of the brain",
        ),
    ),
    "abdomen": PlaneTalk(
        (
            "moving down to the tummy now",
            "next we need the abdominal circumference",
            "I am looking for the stomach bubble",
        ),
        (
            "here is the tummy with the stomach, this black bubble",
            "the umbilical vein curves into the liver",
            "measuring the abdominal circumference around the skin",
            "this is the abdomen with the spine on the side",
            "stomach and umbilical vein are both in the picture",
        ),
    ),
    "four-chamber view": PlaneTalk(
        (
            "now let us go up to the chest and find the heart",
            "I am looking for the four chambers",
            "next is the heart, baby please hold still",
        ),
        (
            "here is the heart beating with its four chambers",
            "two atria and two ventricles of about the same size",
            "this is the septum between the ventricles and that is the crux",
            "the heart points to the left as it should",
            "the four chamber view looks normal",
            "you can see both valves opening and closing",
        ),
    ),
    "femur": PlaneTalk(
        (
            "let's find a leg to measure",
            "going down to the thigh bone",
            "I am rotating to get the full length of the femur",
        ),
        (
            "this bright line is the thigh bone",
            "measuring the femur length from end to end",
            "here is the femur lying flat",
            "the thigh bone is the right length",
            "both ends of the femur are clear",
        ),
    ),
    "lips": PlaneTalk(
        (
            "coming round to the front of the face",
            "next I want to see the lips and the nose",
        ),
        (
            "here are the lips and the tip of the nose with two nostrils",
            "the upper lip is closed all the way across",
            "this is the mouth from the front",
        ),
    ),
    "profile": PlaneTalk(
        (
            "turning to see the face from the side",
            "now let us look for the profile",
        ),
        (
            "here is the profile with forehead, nose and chin",
            "this bright line is the nasal bone",
            "that is the baby's face from the side",
        ),
    ),
    "kidneys": PlaneTalk(
        (
            "moving down from the stomach to see the kidneys",
            "next I am looking for both kidneys beside the spine",
        ),
        (
            "here are the two kidneys on either side of the spine",
            "the renal pelvis on both sides is not wide",
            "this is the left kidney and that is the right one",
            "measuring the renal pelvis from front to back",
        ),
    ),
    "coronal spine": PlaneTalk(
        (
            "turning to see the spine from behind",
            "next is the spine in the coronal plane",
        ),
        (
            "these two rows run side by side along the spine",
            "the arches are parallel all the way down",
            "this is the coronal view, the rows do not spread apart",
        ),
    ),
    "LVOT": PlaneTalk(
        (
            "tilting up from the four chambers to the left outflow",
            "now I am looking for the aorta leaving the heart",
        ),
        (
            "here the aorta comes out of the left ventricle",
            "the septum runs on into the wall of the aorta",
            "the aortic valve is opening, that is the left outflow tract",
        ),
    ),
    "RVOT": PlaneTalk(
        (
            "a little higher for the right outflow",
            "now the artery to the lungs, it should cross over",
        ),
        (
            "this is the pulmonary artery leaving the right ventricle",
            "the pulmonary trunk crosses over the aorta as it should",
            "that is the pulmonary valve in the right outflow tract",
        ),
    ),
    "three-vessel view": PlaneTalk(
        (
            "sliding up the chest to the three vessels",
            "next I want the vessels above the heart",
        ),
        (
            "three vessels in a row, the pulmonary artery, the aorta and the caval vein",
            "the vessels get smaller from left to right as they should",
            "this small circle is the superior vena cava",
        ),
    ),
    "sagittal spine": PlaneTalk(
        (
            "now I want to see the spine from the neck to the bottom",
            "turning around to the baby's back",
            "next we look along the spine",
        ),
        (
            "here is the spine like a string of pearls",
            "the vertebrae are in two neat rows",
            "the skin over the back is intact",
            "following the spine down to the sacrum",
            "the spine looks nice and straight",
        ),
    ),
}

SMALL_TALK: tuple[str, ...] = (
    "did you find a place to park this morning",
    "it has been raining all week",
    "have you thought about any names yet",
    "please could you dim the lights a little",
    "the gel is a bit cold, sorry about that",
    "how was your holiday by the sea",
    "we are running ten minutes late today",
    "is your sister coming to stay with you",
    "the printer is out of paper again",
    "would you like to sit up for a moment",
    "I had no time for breakfast today",
    "you can leave your bag on the chair",
)
