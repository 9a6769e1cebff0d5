"""The standard planes of heart, belly, thigh and spine, each from where a fetus's structures are.

An outflow plane contains its vessel's axis and is else as level as that axis lets it be. The four cardiac planes differ
from one another by more than their tolerances together: the outflow planes in tilt, the three-vessel view in height.
"""

from __future__ import annotations

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Landmarks, axes_along
from plugins.phantom.planes import StandardPlane


def cardiac_planes(marks: Landmarks) -> tuple[StandardPlane, ...]:
    """The planes that a sweep from the heart towards the head shows, in that order."""
    up, back = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
    return (
        StandardPlane(
            name="four-chamber view",
            anchor_mm=marks["crux"],
            normal=up,
            view=back,
            view_spread_deg=50.0,
            structures=("crux", "left ventricle", "right ventricle", "left atrium", "right atrium", "septum"),
            tilt_deg=8.0,
            distance_mm=2.0,
        ),
        StandardPlane(
            name="LVOT",
            anchor_mm=marks["aortic root"],
            normal=_level_through(marks["aortic root"] - marks["left ventricle"]),
            view=back,
            view_spread_deg=45.0,
            structures=("aortic root", "left ventricular outflow", "septum", "left ventricle"),
            tilt_deg=8.0,
            distance_mm=1.5,
        ),
        StandardPlane(
            name="RVOT",
            anchor_mm=marks["pulmonary valve"],
            normal=_level_through(marks["pulmonary trunk"] - marks["pulmonary valve"]),
            view=back,
            view_spread_deg=45.0,
            structures=("pulmonary trunk", "pulmonary valve", "ascending aorta"),
            tilt_deg=8.0,
            distance_mm=1.5,
        ),
        StandardPlane(
            name="three-vessel view",
            anchor_mm=marks["ascending aorta"],
            normal=up,
            view=back,
            view_spread_deg=45.0,
            structures=("arterial duct", "ascending aorta", "superior caval vein"),
            tilt_deg=8.0,
            distance_mm=1.5,
        ),
    )


def belly_planes(marks: Landmarks) -> tuple[StandardPlane, ...]:
    """Cross-sections of the belly."""
    left, front, up = np.eye(3)
    return (
        StandardPlane(
            name="abdomen",
            anchor_mm=marks["umbilical vein"],
            normal=up,
            view=left,
            view_spread_deg=50.0,
            structures=("stomach", "umbilical vein", "abdominal spine", "abdominal aorta"),
        ),
        StandardPlane(
            name="kidneys",
            anchor_mm=0.5 * (marks["left kidney"] + marks["right kidney"]),
            normal=up,
            view=front,
            view_spread_deg=28.0,
            structures=("left kidney", "right kidney", "left renal pelvis", "right renal pelvis"),
        ),
    )


def bone_planes(marks: Landmarks) -> tuple[StandardPlane, ...]:
    """The femur lengthways, and the spine from its side and through its arches."""
    left, front, _ = np.eye(3)
    femur = marks["femur distal end"] - marks["femur proximal end"]
    femur = femur / np.linalg.norm(femur)
    return (
        StandardPlane(
            name="femur",
            anchor_mm=marks["femur shaft"],
            normal=np.cross(left, femur) / np.linalg.norm(np.cross(left, femur)),
            view=axes_along(femur, -left)[1],
            view_spread_deg=22.0,
            structures=("femur shaft", "femur proximal end", "femur distal end"),
            axis=femur,
            tilt_deg=8.0,
        ),
        StandardPlane(
            name="coronal spine",
            anchor_mm=0.5 * (marks["left arches"] + marks["right arches"]),
            normal=front,
            view=left,
            view_spread_deg=20.0,
            structures=("left arches", "right arches"),
            tilt_deg=8.0,
            distance_mm=1.5,
        ),
        StandardPlane(
            name="sagittal spine",
            anchor_mm=marks["thoracic spine"],
            normal=left,
            view=front,
            view_spread_deg=15.0,
            structures=("thoracic spine", "lumbar spine", "sacrum", "back skin"),
            tilt_deg=8.0,
            distance_mm=2.0,
            beam_deg=60.0,
        ),
    )


def _level_through(direction: Float64Array) -> Float64Array:
    """``(3,)`` unit normal of the plane that contains a direction and is as level as it can be."""
    along = direction / np.linalg.norm(direction)
    normal = np.array([0.0, 0.0, 1.0]) - along[2] * along
    return np.asarray(normal / np.linalg.norm(normal))
